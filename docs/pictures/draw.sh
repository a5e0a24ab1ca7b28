#!/usr/bin/env bash
# Draws the pictures of the README: one job under four schedules, on one time axis. Usage: draw.sh BIN FOLDER
set -eu
bin=$(realpath "$1") folder=$(realpath "$2") job=$(dirname "$0")/../../configs/jobs/abstract/vlm.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
longest=0
for name in naive optimus bigmac hybrid; do
  "$bin/bigmac-sim" run "$job" --schedule $name -o "$work/$name.json" >/dev/null 2>&1
  time=$(sed -n 's/^"result": {"iteration_ns":\([0-9]*\).*/\1/p' "$work/$name.json")
  [ "$time" -le "$longest" ] || longest=$time
done
for name in naive optimus bigmac hybrid; do
  "$bin/bigmac-sim" draw "$work/$name.json" --width 1000 --time "$longest" -o "$folder/$name.svg"
done
