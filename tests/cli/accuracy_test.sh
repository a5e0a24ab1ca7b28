#!/usr/bin/env bash
# The table of errors that the README prints is what the program prints. Usage: accuracy_test.sh BIN SOURCE
set -u
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source" || exit 1
"$bin/bigmac-accuracy" -o "$work/out" >"$work/table" 2>"$work/notes" || { cat "$work/notes"; exit 1; }
failed=0
while IFS= read -r line; do
  grep -qxF -- "$line" README.md || { echo "FAIL: README lacks the line: $line"; failed=1; }
done <"$work/table"
"$bin/bigmac-accuracy" --papers >"$work/papers" || { echo "FAIL: --papers"; failed=1; }
while IFS= read -r line; do
  [ -z "$line" ] || grep -qxF -- "$line" bench/accuracy/README.md || { echo "FAIL: bench/accuracy/README.md lacks: $line"; failed=1; }
done <"$work/papers"
[ "$(wc -l <"$work/table")" -ge 15 ] || { echo "FAIL: a short table"; failed=1; }
for file in accuracy.md accuracy.csv accuracy.svg; do [ -s "$work/out/$file" ] || { echo "FAIL: no $file"; failed=1; }; done
"$bin/bigmac-accuracy" --cases "$work" >/dev/null 2>&1 || { echo "FAIL: a folder without cases is no error"; failed=1; }
echo '{"schema": "other"}' >"$work/wrong.json"
"$bin/bigmac-accuracy" --cases "$work" >/dev/null 2>"$work/notes"
[ $? -eq 2 ] || { echo "FAIL: a wrong case file does not exit with 2"; failed=1; }
grep -q 'wrong.json: /schema' "$work/notes" || { echo "FAIL: the file is not named"; failed=1; }
exit $failed
