#!/usr/bin/env bash
# The rules that the folder names promise: rooms include only rooms to their left; each library has one home; README
# paths exist. Usage: layers_test.sh BIN SOURCE
set -u
cd "$2" || exit 1
failed=0
complain() { echo "lint: $*"; failed=1; }

rooms=(base workload cost schedule graph engine memory report planner profiler runner)
for i in "${!rooms[@]}"; do
  room=${rooms[$i]}
  sources=("include/bigmac/$room")
  [ -d "sim/$room" ] && sources+=("sim/$room")
  [ -d "$room" ] && sources+=("$room")
  for right in "${rooms[@]:$((i + 1))}"; do
    grep -rnE "#include \"bigmac/$right/" "${sources[@]}" --include='*.h' --include='*.cpp' &&
      complain "room $room includes room $right, which stands to its right"
  done
done

# Libraries: file patterns where each may be included.
home() {  # home NAME INCLUDE-PATTERN ALLOWED-PATH-PATTERN
  grep -rnlE "#include <($2)" include sim planner profiler runner apps --include='*.h' --include='*.cpp' | grep -vE "$3" &&
    complain "$1 is included outside its home ($3)"
}
home JSON 'nlohmann/|simdjson' '_json\.cpp$|base/json_reader\.h$'
home Boost.Graph 'boost/graph' '^sim/graph/'
home CLI11 'CLI/' '^apps/'
home oneTBB 'tbb/' '^planner/parallel_for\.cpp$'
home librsvg 'librsvg/|cairo' '^apps/picture_formats\.cpp$'
home NLopt 'nlopt' '^apps/'
home SQLite 'sqlite3' '^profiler/import/'
home MPI 'mpi\.h' '^(runner/mpi_|planner/mpi_pool\.cpp$)'
home Eigen 'Eigen/' '^runner/matrices\.h$'
grep -rlE '#include "bigmac/[a-z_]+/[a-z_]*json[a-z_]*\.h"|#include "(importers|vision_tower|abstract_job)\.h"' include sim planner apps \
  --include='*.cpp' --include='*.h' | grep -vE '_json\.cpp$|_json\.h$|importers\.h$|vision_tower\.h$|abstract_job\.h$|^apps/' &&
  complain "a header that holds JSON is included outside *_json.cpp"

# No public header shows a third-party type (fmt, JSON, Boost, CLI11), but for the JSON reader.
grep -rnE '#include <(fmt|boost|CLI|nlohmann|zlib|simdjson|sqlite3)' include | grep -v 'base/json_reader.h' && complain "a public header includes a library"

# Only programs print and exit.
grep -rnE '\b(std::cout|std::cerr|printf|fmt::print|std::exit|exit)\b *\(' sim planner profiler runner --include='*.cpp' |
  grep -vE 'snprintf|fprintf\(stderr, "internal error' && complain "a library prints or exits"

# Paths and commands that a README names exist.
while read -r readme path; do
  [ -e "$path" ] || [ -e "$(dirname "$readme")/$path" ] || complain "$readme names $path, which does not exist"
done < <(grep -roE '\]\([^)#:]+\)' --include='*.md' . | grep -vE '^./build|/node_modules/' | sed -E 's/^([^:]+):\]\(([^)]+)\)/\1 \2/')

# Long files and the workplace's own paths.
for file in $(git ls-files '*.cpp' '*.h' 2>/dev/null); do
  lines=$(wc -l <"$file")
  [ "$lines" -le 400 ] || complain "$file has $lines lines; split it"
done
exit $failed
