#!/usr/bin/env bash
# report.html and drawings in headless Chromium. Screenshots stay in BIN/../report-pages. Ends with 77 (skipped) where Node, npm
# or Chromium is absent. Usage: report_page_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
skip() { echo "skipped: $*"; exit 77; }
for tool in node npm; do command -v $tool >/dev/null || skip "$tool is absent"; done
CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "Chromium is absent"
export CHROMIUM
grep -q 'page__(<' "$bin/../web/page_template.cpp" || skip "the build could not bundle web/, so report.html is drawn as SVG"

# The driver's own folder, installed once a lock file.
tests=$bin/../web-tests
mkdir -p "$tests"
cp "$source"/tests/web/*.mjs "$source"/tests/web/package.json "$tests/"
if ! cmp -s "$source/tests/web/package-lock.json" "$tests/package-lock.json" || [ ! -d "$tests/node_modules" ]; then
  cp "$source/tests/web/package-lock.json" "$tests/"
  (cd "$tests" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || { rm -f "$tests/package-lock.json"; skip "npm could not install the driver"; }
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pictures=$bin/../report-pages
mkdir -p "$pictures"
"$bin/bigmac-plan" "$source/configs/jobs/qwen2.5-vl-7b_h100x8.json" -o "$work/plan" >/dev/null 2>&1
node "$tests/plan_page_test.mjs" "$work/plan" "$pictures"

cat >"$work/large.json" <<'JSON'
{"schema": "bigmac.job/1", "name": "100,000 operations", "pipeline": {"ranks": 64, "chunks": 4, "microbatches": 192},
 "costs_ns": {"llm": {"F": 1000000, "B": 2000000, "activation_bytes": 100000000, "transfer": 20000},
  "encoder": {"F": 5000000, "B": 10000000, "activation_bytes": 50000000, "transfer": 20000},
  "generator": {"F": 5500000, "B": 5500000, "activation_bytes": 50000000}}}
JSON
for schedule in bigmac naive; do
  "$bin/bigmac-sim" run "$work/large.json" --schedule $schedule -o "$work/$schedule.json" >/dev/null 2>&1
done
"$bin/bigmac-sim" report "$work/bigmac.json" "$work/naive.json" -o "$work/large.html" 2>/dev/null
node "$tests/large_page_test.mjs" "$work/large.html" "$pictures"

# Text in drawings.
"$bin/bigmac-sim" run "$source/configs/jobs/abstract/worked-example.json" --schedule bigmac -o "$work/worked.json" >/dev/null 2>&1
for width in 600 1000 1500; do "$bin/bigmac-sim" draw "$work/worked.json" --width $width -o "$work/worked-$width.svg"; done
"$bin/bigmac-sim" draw "$work/bigmac.json" -o "$work/64-ranks.svg"
node "$tests/picture_test.mjs" "$source"/docs/pictures/{naive,optimus,bigmac,hybrid}.svg "$work"/worked-*.svg "$work/64-ranks.svg"
