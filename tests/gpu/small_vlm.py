"""A small vision-language model, trained for a few steps: a ViT over images, a projector that merges 2 x 2 patches, a causal LLM over image
and text tokens, AdamW. Run by checklist.sh, once for times under bigmac-profile run and once with --memory FILE for memory.
Usage: small_vlm.py [--device cuda|cpu] [--small] [--steps N] [--memory FILE]"""
import argparse
import os
import sys

import torch
from torch import nn
from torch.nn import functional

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.dirname(os.path.realpath(__file__)), os.path.join(SOURCE, "profiler", "python")]
import bigmac_memory  # noqa: E402
from blocks import Block, Norm, Nvtx, place, wait  # noqa: E402


class Vision(nn.Module):
    def __init__(self, width, layers, heads, mlp, out):
        super().__init__()
        self.patch = nn.Linear(3 * 14 * 14, width)
        self.layers = nn.ModuleList(Block(width, heads, heads, mlp, causal=False) for _ in range(layers))
        self.projector = nn.Linear(4 * width, out)

    def forward(self, patches):
        x = self.patch(patches)
        for layer in self.layers:
            x = layer(x)
        batch, length, width = x.shape
        return self.projector(x.reshape(batch, length // 4, 4 * width))


class Vlm(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.vision = Vision(sizes["vision_width"], sizes["vision_layers"], sizes["vision_heads"], sizes["vision_mlp"], sizes["width"])
        self.embed_tokens = nn.Embedding(sizes["vocabulary"], sizes["width"])
        self.layers = nn.ModuleList(Block(sizes["width"], sizes["heads"], sizes["kv_heads"], sizes["mlp"], causal=True) for _ in range(sizes["layers"]))
        self.norm = Norm(sizes["width"])
        self.lm_head = nn.Linear(sizes["width"], sizes["vocabulary"], bias=False)

    def forward(self, patches, text):
        x = torch.cat([self.vision(patches), self.embed_tokens(text)], 1)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))


def kind_of(name):
    """Layers as bigmac-profile's attribution names them."""
    if name.startswith("vision."):
        return "encoder/" + ("embedding" if name.endswith("patch") else "projector" if name.endswith("projector") else "transformer")
    return "llm/" + {"embed_tokens": "embedding", "lm_head": "head", "norm": "head"}.get(name, "transformer")


REAL = dict(vision_width=1024, vision_layers=8, vision_heads=16, vision_mlp=2816, width=2048, layers=8, heads=16, kv_heads=8, mlp=5632,
            vocabulary=32000, batch=2, patches=1024, text=1792)
TINY = dict(vision_width=32, vision_layers=2, vision_heads=2, vision_mlp=64, width=64, layers=2, heads=4, kv_heads=2, mlp=128, vocabulary=100,
            batch=2, patches=16, text=12)

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda")
parser.add_argument("--small", action="store_true")
parser.add_argument("--steps", type=int, default=8)
parser.add_argument("--memory")
arguments = parser.parse_args()
sizes = TINY if arguments.small else REAL
torch.manual_seed(1)
device, number_type = place(arguments.device)
nvtx = Nvtx(device)
model = Vlm(sizes).to(device, number_type)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
patches = torch.randn(sizes["batch"], sizes["patches"], 3 * 14 * 14, device=device, dtype=number_type)
text = torch.randint(sizes["vocabulary"], (sizes["batch"], sizes["text"]), device=device)


class NoCounters:
    """On a CPU there is no allocator to read: the hooks run, every number is 0."""
    allocated = reserved = peak = lambda self: 0

    def reset_peak(self):
        pass

    def describe(self):
        return "none"


recorder = hooks = None
if arguments.memory:
    recorder = bigmac_memory.MemoryRecorder(model, arguments.memory, counters=None if device == "cuda" else NoCounters())
else:
    hooks = bigmac_memory.layer_ranges(model, kind_of, nvtx=nvtx)
for step in range(arguments.steps):
    if recorder:
        recorder.step()
    nvtx.range_push(f"step {step}")
    logits = model(patches, text)[:, -sizes["text"]:-1]
    loss = functional.cross_entropy(logits.reshape(-1, sizes["vocabulary"]).float(), text[:, 1:].reshape(-1))
    loss.backward()
    nvtx.range_push("optimizer")
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    nvtx.range_pop()
    wait(device)
    nvtx.range_pop()
if recorder:
    recorder.close()
print(f"{arguments.steps} steps, loss {loss.item():.3f}")
