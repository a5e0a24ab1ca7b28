#!/usr/bin/env bash
# bigmac-plan writes the same bytes for any number of threads, and its schedule passes bigmac-sim check.
# Usage: plan_outputs_test.sh BIN SOURCE
set -eu
bin=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for job in qwen2.5-vl-7b_h100x8 qwen3-vl-30b-a3b_h800x128; do
  for threads in 1 2; do
    "$bin/bigmac-plan" "$source/configs/jobs/$job.json" -o "$work/$threads" --threads $threads >"$work/$threads.txt" 2>/dev/null
    sed -i "s#$work/$threads#OUT#" "$work/$threads.txt"
  done
  cmp "$work/1.txt" "$work/2.txt"
  for name in plan.json pareto.json pareto.csv trace.json.gz report.html; do cmp "$work/1/$name" "$work/2/$name"; done
  "$bin/bigmac-sim" check "$work/1/plan.json" | grep -qx valid
  gzip -t "$work/1/trace.json.gz"
  # Every rank's stated memory is within the limit, and the parts add up.
  python3 - "$work/1/plan.json" <<'PY'
import json, sys
plan = json.load(open(sys.argv[1]))
for rank in plan["result"]["ranks"]:
    memory = dict(rank["memory"])
    total = memory.pop("total_bytes")
    assert total == sum(memory.values()), memory
    assert total <= 80 * 2**30
trace_names = {op["module"] for rank in plan["ranks"] for op in rank["ops"]}
assert "llm" in trace_names and len(trace_names) >= 2, trace_names
assert plan["result"]["step_ns"] >= plan["result"]["iteration_ns"] >= plan["result"]["lower_bound_ns"]
PY
done
