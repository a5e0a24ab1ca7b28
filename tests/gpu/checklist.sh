#!/usr/bin/env bash
# Records on the GPU at hand: kernels of models' layers, a PyTorch transformer layer over its sizes, a small vision-language model; times and
# memory. Results go to traces/GPU/ (recordings) and configs/costs/GPU/ (cost tables), small and compressed, each with the GPU, the driver
# and the date. Usage: checklist.sh BIN SOURCE
set -euo pipefail
bin=$(realpath "$1") source=$(realpath "$2")
if [ ! -e /dev/nvidiactl ] && [ ! -e /dev/dxg ]; then
  echo "no NVIDIA GPU on this machine: nothing was recorded"
  exit 0
fi
facts=$(nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader | head -1)
gpu=$(cut -d, -f1 <<<"$facts" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-')
traces=$source/traces/$gpu costs=$source/configs/costs/$gpu
mkdir -p "$traces" "$costs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '[checklist] %s\n' "$*"; }

say "$facts"
for model in llama-3.1-8b qwen2.5-vl-7b vit-1.3b; do
  say "kernels of $model"
  "$bin/bigmac-profile" measure --model "$source/configs/models/$model.json" --sequence 2048,4096,8192 --image-tokens 1024,4096 \
    --microbatch 1,2 --gpu -o "$work/$model"
  cp "$work/$model/costs.json" "$costs/$model.json"
  gzip -9 -n -c "$work/$model/efficiency.csv" >"$traces/$model.efficiency.csv.gz"
done

record() {  # record NAME COMMAND...: one recording, moved to its name
  local name=$1
  shift
  say "recording $name"
  "$bin/bigmac-profile" run -o "$work/$name" --gzip --baseline -- "$@" 2>&1 | tee "$work/$name.log"
  mv "$work/$name"/*.trace.jsonl.gz "$traces/$name.trace.jsonl.gz"
  grep -E 'recorded|overhead|NVTX' "$work/$name.log" >"$traces/$name.overhead.txt" || true
}
if python3 -c 'import torch, sys; sys.exit(0 if torch.cuda.is_available() else 1)' 2>/dev/null; then
  record transformer-sweep python3 "$source/tests/gpu/transformer_sweep.py"
  record small-vlm python3 "$source/tests/gpu/small_vlm.py" --steps 6
  say "cost tables of the small vision-language model, from its recording"
  cost_table() {  # cost_table MODULE TOKENS, of a microbatch: small_vlm.py has 2 x (1792 text + 256 image) for the LLM, 2 x 1024 patches
    "$bin/bigmac-profile" layers "$traces/small-vlm.trace.jsonl.gz" --layer "^layer:$1/transformer=$1/transformer" \
      --costs "$costs/small-vlm.$1.json" --tokens "$2" --source "small_vlm.py on $facts, $(date -u +%Y-%m-%d)"
  }
  cost_table llm 4096
  cost_table encoder 2048
  say "memory of the small vision-language model"
  python3 "$source/tests/gpu/small_vlm.py" --steps 3 --memory "$work/memory.jsonl"
  gzip -9 -n -c "$work/memory.jsonl" >"$traces/small-vlm.memory.jsonl.gz"
  torch=$(python3 -c 'import torch; print(torch.__version__, torch.version.cuda)')
else
  say "no PyTorch with CUDA: only the native measurement was recorded"
  torch=none
fi
cat >"$traces/about.json" <<JSON
{"gpu": "$facts", "date": "$(date -u +%Y-%m-%d)", "torch": "$torch", "kernel": "$(uname -r)", "commit": "$(git -C "$source" rev-parse HEAD 2>/dev/null || echo unknown)"}
JSON
du -sh "$traces" "$costs"
