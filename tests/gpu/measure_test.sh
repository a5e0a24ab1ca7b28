#!/usr/bin/env bash
# The native measurement on a GPU, itself under the recorder: two clocks must agree. Usage: measure_test.sh BIN SOURCE
set -eu
. "$2/tests/gpu/device.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1/bigmac-profile" run -o "$work/trace" -- "$1/bigmac-profile" measure --model "$2/configs/models/llama-3.1-8b.json" \
  --sequence 2048 --gpu -o "$work/tables"
python3 - "$work" <<'PY'
import csv, glob, json, sys
work = sys.argv[1]
costs = json.load(open(work + "/tables/costs.json"))
assert {e["layer"] for e in costs["entries"]} == {"embedding", "transformer", "head"}, costs["entries"]
assert all(e["forward_us"] > 0 for e in costs["entries"])
rows = list(csv.DictReader(open(work + "/tables/efficiency.csv")))
assert all(float(r["us"]) > 0 for r in rows if not r["skipped"]), "a kernel without a time"
best = max(float(r["tflops"]) for r in rows)
assert 5 < best < 5000, f"{best} TFLOP/s"
(path,) = glob.glob(work + "/trace/*.trace.jsonl")
names, kernels = {}, []
for text in open(path):
    line = json.loads(text)
    if line[0] == "name": names[line[1]] = line[2]
    if line[0] == "kernel": kernels.append(line)
assert len(kernels) > 1000, f"{len(kernels)} kernels recorded"
# The norm of (2048 x 4096): CUPTI's median against the table's, which has the gap between two kernels in it.
norm = next(r for r in rows if r["kernel"] == "norm")
ours = sorted(k[2] - k[1] for k in kernels if "norm_forward" in names[k[6]])
cupti = ours[len(ours) // 2] / 1e3
assert cupti <= float(norm["us"]) * 1.05 and float(norm["us"]) < cupti + 5, f"CUPTI {cupti} us, events {norm['us']} us"
print(f"{len(kernels)} kernels, best {best:.0f} TFLOP/s, norm {cupti:.2f} us by CUPTI, {float(norm['us']):.2f} us by events")
PY
