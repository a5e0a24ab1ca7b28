#!/usr/bin/env bash
# bigmac-sim draw: the README's pictures are what it draws today; every format is written, the same bytes each time.
# Usage: pictures_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bash "$source/docs/pictures/draw.sh" "$bin" "$work"
for drawn in "$work"/*.svg; do
  cmp "$source/docs/pictures/${drawn##*/}" "$drawn" || { echo "FAIL: docs/pictures/${drawn##*/} is out of date: ./dev pictures"; exit 1; }
done

cd "$work"
"$bin/bigmac-sim" run "$source/configs/jobs/abstract/worked-example.json" --schedule bigmac -o schedule.json >/dev/null 2>&1
"$bin/bigmac-sim" draw schedule.json -o x.svg
python3 -c 'import sys, xml.dom.minidom as x; x.parse("x.svg")'
if "$bin/bigmac-sim" draw schedule.json -o x.png 2>err.txt; then
  "$bin/bigmac-sim" draw schedule.json -o x.pdf
  for ending in png pdf; do
    "$bin/bigmac-sim" draw schedule.json -o again.$ending
    cmp x.$ending again.$ending
  done
  [ "$(head -c 8 x.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ]
  [ "$(head -c 5 x.pdf)" = %PDF- ]
else
  grep -q "known: .svg" err.txt
fi
! "$bin/bigmac-sim" draw schedule.json -o x.gif 2>err.txt
grep -q "unknown ending of a picture '.gif'" err.txt
[ ! -e x.gif ]
