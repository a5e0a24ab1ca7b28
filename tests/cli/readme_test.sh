#!/usr/bin/env bash
# Every bigmac-* command that a README shows runs as written, from the source folder's view. Usage: readme_test.sh BIN SOURCE
set -u
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$source/configs" "$work/configs"
mkdir -p "$work/build/release"
ln -s "$bin" "$work/build/release/bin"
cd "$work" || exit 1
failed=0 ran=0
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# What `./dev plan` runs once it has built.
build/release/bin/bigmac-plan configs/jobs/qwen3-vl-30b-a3b_h800x128.json -o out 2>/dev/null | head -7 >default.txt
while read -r command; do
  case $command in ./dev*) continue ;; esac
  case $command in mpirun*) [ -x "$bin/bigmac-run" ] || continue ;; esac
  ran=$((ran + 1))
  bash -c "$command" >out.txt 2>&1 </dev/null || { echo "FAIL: $command"; cat out.txt; failed=1; }
done < <(sed -n 's/^\$ //p' "$source/README.md")
[ $ran -ge 4 ] || { echo "FAIL: only $ran commands found"; failed=1; }
# The example output that the README prints is what the program prints.
build/release/bin/bigmac-sim run configs/jobs/abstract/worked-example.json --schedule bigmac 2>/dev/null >out.txt
while IFS= read -r line; do
  grep -qxF -- "$line" "$source/README.md" || { echo "FAIL: README lacks the line: $line"; failed=1; }
done <out.txt
while IFS= read -r line; do
  grep -qxF -- "$line" "$source/README.md" || { echo "FAIL: README lacks the line: $line"; failed=1; }
done <default.txt
exit $failed
