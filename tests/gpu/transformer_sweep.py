"""One transformer layer, forward and backward, over widths, sequence lengths and microbatches: a step for each. Run by checklist.sh under
bigmac-profile run. Usage: transformer_sweep.py [--device cuda|cpu] [--small]"""
import argparse
import os
import sys

import torch

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.dirname(os.path.realpath(__file__)), os.path.join(SOURCE, "profiler", "python")]
import bigmac_memory  # noqa: E402
from blocks import Block, Nvtx, place, wait  # noqa: E402

# width, heads, key-value heads, MLP: Llama 3.2 1B, Llama 3.1 8B, Llama 3.1 70B.
LAYERS = [(2048, 32, 8, 8192), (4096, 32, 8, 14336), (8192, 64, 8, 28672)]
SIZES = [(2048, 1), (2048, 2), (4096, 1), (4096, 2), (8192, 1)]  # sequence, microbatch
REPEATS = 3

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda")
parser.add_argument("--small", action="store_true")
arguments = parser.parse_args()
if arguments.small:
    LAYERS, SIZES, REPEATS = [(64, 4, 2, 128)], [(16, 1), (16, 2)], 2

device, number_type = place(arguments.device)
nvtx = Nvtx(device)
step = 0
for width, heads, kv_heads, mlp in LAYERS:
    layer = Block(width, heads, kv_heads, mlp, causal=True).to(device, number_type)
    hooks = bigmac_memory.layer_ranges(None, layers=[(f"w{width}.h{heads}.kv{kv_heads}.f{mlp}", layer)], nvtx=nvtx)
    for length, batch in SIZES:
        x = torch.randn(batch, length, width, device=device, dtype=number_type, requires_grad=True)
        for _ in range(REPEATS):
            nvtx.range_push(f"step {step}")
            nvtx.range_push(f"tokens {batch} x {length}")
            y = layer(x)
            y.backward(torch.ones_like(y))
            layer.zero_grad(set_to_none=True)
            x.grad = None
            wait(device)
            nvtx.range_pop()
            nvtx.range_pop()
            step += 1
    hooks.remove()
    del layer
print(f"{step} steps")
