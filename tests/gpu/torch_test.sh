#!/usr/bin/env bash
# A PyTorch program under the recorder on a GPU. Usage: torch_test.sh BIN SOURCE
set -eu
. "$2/tests/gpu/device.sh"
python3 -c 'import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)' 2>/dev/null || { echo "skipped: no PyTorch with CUDA"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1/bigmac-profile" run -o "$work" --steps 2:4 -- python3 "$2/tests/gpu/small_vlm.py" --steps 6
python3 - "$work" <<'PY'
import glob, json, sys
names, kernels, calls, ranges = {}, [], {}, []
(path,) = glob.glob(sys.argv[1] + "/*.trace.jsonl")
for text in open(path):
    line = json.loads(text)
    if line[0] == "name": names[line[1]] = line[2]
    if line[0] == "kernel": kernels.append(line)
    if line[0] == "call": calls[line[4]] = line
    if line[0] == "process_range": ranges.append(line)
joined = sum(k[5] in calls for k in kernels)
assert len(kernels) > 100 and joined > 0.99 * len(kernels), f"{joined} of {len(kernels)} kernels joined to their launches"
assert any("llm/transformer" in names[r[4]] for r in ranges) and any("backward" in names[r[4]] for r in ranges)
print(f"{len(kernels)} kernels of three steps, {joined} joined")
PY
