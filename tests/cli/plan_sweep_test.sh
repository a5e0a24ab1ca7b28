#!/usr/bin/env bash
# bigmac-plan sweep and spread: what a point finds is what planning that job alone finds; bad arguments are named.
# Usage: plan_sweep_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
job=$source/configs/jobs/qwen2.5-vl-7b_h100x8.json

"$bin/bigmac-plan" sweep "$job" --gpus 8:32 --sequence 4k,6144 --effort 0 --gpu-hour 2 -o "$work/sweep" >"$work/table" 2>/dev/null
# A line a point and its heading; for each sequence length what the front over step, memory, price and GPUs offers.
[ "$(wc -l <"$work/table")" -eq 15 ] && [ "$(ls "$work/sweep" | wc -l)" -eq 7 ]
# Shared layer costs change nothing: 16 GPUs alone, and as the second point of a sweep.
python3 - "$job" "$work" "$source" <<'PY'
import json, sys
job = json.load(open(sys.argv[1]))
job["gpus"] = 16
for key in ("model", "cluster"): job[key] = sys.argv[3] + "/configs/jobs/" + job[key]
json.dump(job, open(sys.argv[2] + "/alone.json", "w"))
PY
"$bin/bigmac-plan" "$work/alone.json" --effort 0 -o "$work/alone" >/dev/null 2>&1
cmp "$work/alone/pareto.csv" "$work/sweep/16gpus-4096tokens-64batch.csv"
python3 - "$work/sweep/sweep.json" <<'PY'
import csv, json, os, sys
sweep = json.load(open(sys.argv[1]))
points = sweep["points"]
assert [p["gpus"] for p in points] == [8, 16, 32] * 2, points
for p in points:
    rate = p["global_batch"] * p["sequence_length"] / (p["step_ns"] * 1e-9)
    assert abs(rate / p["tokens_per_second"] - 1) < 1e-3, p
    assert abs(2 * p["gpus"] / 3600 / rate * 1e6 / p["price_per_million_tokens"] - 1) < 1e-3, p
# The fronts over four axes, from the points' own fronts by definition.
for front in sweep["fronts"]:
    plans = []
    for p in points:
        if (p["sequence_length"], p["global_batch"]) != (front["sequence_length"], front["global_batch"]): continue
        for row in csv.DictReader(open(os.path.join(os.path.dirname(sys.argv[1]), p["front"]))):
            step = int(row["step_ns"])
            plans.append((step, int(row["memory_bytes"]), p["gpus"] * step, p["gpus"]))
    expected = {a for a in plans if not any(b != a and all(x <= y for x, y in zip(b, a)) for b in plans)}
    found = [(q["step_ns"], q["memory_bytes"], q["gpus"] * q["step_ns"], q["gpus"]) for q in front["plans"]]
    assert set(found) == expected and len(found) == len(expected), (found, expected)
    assert len({q["gpus"] for q in front["plans"]}) > 1
assert len(sweep["fronts"]) == 2
PY

"$bin/bigmac-plan" spread "$work/alone/plan.json" --batches 500 --threads 1 >"$work/one"
"$bin/bigmac-plan" spread "$work/alone/plan.json" --batches 500 --threads 2 | cmp - "$work/one"
grep -q '^500 batches drawn: mean .*, p50 .*, p95 .*, p99 .*, most ' "$work/one"

refused() {  # MESSAGE ARGS...
  local message=$1 code=0
  shift
  "$bin/bigmac-plan" "$@" >/dev/null 2>"$work/error" || code=$?
  [ $code -eq 2 ] && grep -qF -- "$message" "$work/error" && return
  echo "expected '$message' from: $*"; cat "$work/error"; exit 1
}
refused "--gpus: expected N, LOW:HIGH" sweep "$job" --gpus 8:x
refused "--sequence: '8k:4k' holds nothing" sweep "$job" --sequence 8k:4k
refused "--stragglers: expected SHARE:FACTOR" spread "$work/alone/plan.json" --stragglers 2
"$bin/bigmac-sim" run "$source/configs/jobs/abstract/worked-example.json" --schedule bigmac -o "$work/abstract.json" >/dev/null
refused "holds no model and cluster" spread "$work/abstract.json"
