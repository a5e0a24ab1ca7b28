"""Layers for the recordings: a pre-norm transformer block with grouped-query attention and a gated MLP, in plain PyTorch."""
import torch
from torch import nn
from torch.nn import functional


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6).to(x.dtype) * self.weight


def attend(q, k, v, causal):
    if hasattr(functional, "scaled_dot_product_attention"):  # PyTorch 2: flash attention where the GPU has it
        return functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1), float("-inf"))
    return scores.softmax(-1) @ v


class Block(nn.Module):
    def __init__(self, width, heads, kv_heads, mlp, causal):
        super().__init__()
        self.heads, self.kv_heads, self.causal, self.head = heads, kv_heads, causal, width // heads
        self.norm1, self.norm2 = Norm(width), Norm(width)
        self.qkv = nn.Linear(width, (heads + 2 * kv_heads) * self.head, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * mlp, bias=False)
        self.down = nn.Linear(mlp, width, bias=False)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).split([width, self.kv_heads * self.head, self.kv_heads * self.head], -1)
        q, k, v = (t.view(batch, length, -1, self.head).transpose(1, 2) for t in (q, k, v))
        repeat = self.heads // self.kv_heads
        attended = attend(q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), self.causal)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(functional.silu(gate) * up)


class Nvtx:
    """torch.cuda.nvtx, or nothing on a machine without CUDA."""

    def __init__(self, device):
        self.real = torch.cuda.nvtx if device == "cuda" else None

    def range_start(self, name):
        return self.real.range_start(name) if self.real else 0

    def range_end(self, number):
        if self.real:
            self.real.range_end(number)

    def range_push(self, name):
        if self.real:
            self.real.range_push(name)

    def range_pop(self):
        if self.real:
            self.real.range_pop()


def place(device):
    """(device, number type): bf16 on a GPU."""
    return device, torch.bfloat16 if device == "cuda" else torch.float32


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()
