#!/usr/bin/env bash
# Every schedule runs on a real job, and its file passes `check`: placements on a vision-language model, bases on a
# language model. `frontier` draws hybrid's times. Usage: real_jobs_test.sh BIN SOURCE
set -u
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0 ran=0
fail() { echo "FAIL: $*"; failed=1; }

while read -r name is_base; do
  job=$source/configs/jobs/optimus-a.json
  [ "$is_base" = True ] && job=$source/configs/jobs/llama-3.1-70b_h100x64.json
  "$bin/bigmac-sim" run "$job" --schedule "$name" -o one.json >out.txt 2>err.txt || { fail "$name"; cat err.txt; continue; }
  grep -q '^note: plan tp' err.txt || fail "$name does not say which plan it ran"
  grep -q '"partition"' one.json || fail "$name: the file holds no partition"
  "$bin/bigmac-sim" check one.json >out.txt 2>err.txt || { fail "$name: its own file is refused"; cat err.txt; }
  ran=$((ran + 1))
done < <("$bin/bigmac-sim" list --json |
  python3 -c 'import json,sys
for s in json.load(sys.stdin): print(s["name"], "no encoder, no generator" in s["requires"])')
[ $ran -ge 17 ] || fail "only $ran schedules ran"

"$bin/bigmac-sim" frontier "$source/configs/jobs/abstract/worked-example.json" --json -o f.svg >f.json 2>err.txt ||
  { fail frontier; cat err.txt; }
python3 - f.json f.svg <<'EOT' || fail "the frontier is not what it should be"
import json, sys, xml.dom.minidom
frontier = json.load(open(sys.argv[1]))
hybrid = [p for p in frontier["points"] if p["schedule"] == "hybrid" and not {"refusal", "memory_limit"} & p.keys()]
times = [p["iteration_ns"] for p in hybrid]
assert times == sorted(times, reverse=True), "a larger limit was slower"
assert all(p["live_encoder_microbatches"] <= p.get("encoder_live_limit", 1 << 30) for p in hybrid)
assert times[-1] >= frontier["lower_bound_ns"] > 0
bounds = [p["lower_bound_ns"] for p in hybrid]
assert bounds == sorted(bounds, reverse=True) and bounds[-1] == frontier["lower_bound_ns"], "bounds within limits"
assert all(p.get("iteration_ns", 1 << 62) >= p.get("lower_bound_ns", 0) for p in frontier["points"])
assert {p["schedule"] for p in frontier["points"]} >= {"naive", "upfront", "bigmac", "hybrid", "balanced"}
xml.dom.minidom.parse(sys.argv[2])
EOT
"$bin/bigmac-sim" frontier "$source/configs/jobs/llama-3.1-70b_h100x64.json" >out.txt 2>err.txt
[ $? -eq 2 ] || fail "a job without an encoder has a frontier"
exit $failed
