#!/usr/bin/env bash
# The installed package, as another project uses it: examples/my-schedule finds it, builds, and its schedule file passes
# bigmac-sim check. Usage: package_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$bin/.." --prefix "$work/prefix" >"$work/log.txt" || { cat "$work/log.txt"; exit 1; }
cp -r "$source/examples/my-schedule" "$work/"
cd "$work/my-schedule"
[ "$(wc -l <my_schedule.cpp)" -le 40 ] || { echo "FAIL: the example is longer than the 40 lines it promises"; exit 1; }
{ cmake -S . -B build -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Debug && cmake --build build; } >log.txt 2>&1 || { cat log.txt; exit 1; }
build/my-schedule job.json schedule.json | grep -q '^iteration '
PATH=$work/prefix/bin:$PATH
bigmac-sim check schedule.json | grep -qx valid
# Headers compile alone.
for header in "$work"/prefix/include/bigmac/*/*.h; do echo "#include \"$header\""; done >all.cpp
g++ -std=c++20 -fsyntax-only -I "$work/prefix/include" all.cpp
