"""A multimodal model of a few hundred weights, in double precision, and the same run plainly with autograd."""
import zlib

import torch
from torch import nn

WIDTH, IMAGE, CLASSES = 6, 4, 5


class Encoder(nn.Sequential):
    """A chain of slices: operations on it may be cut into parts."""

    class First(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.name, self.inner = name, nn.Linear(IMAGE, WIDTH)

        def forward(self, sample):
            return torch.tanh(self.inner(sample[self.name]))

    def __init__(self, name):
        super().__init__(self.First(name), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, WIDTH))


class Stage(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first = first
        self.embed = nn.Embedding(CLASSES, WIDTH) if first else None
        self.norm, self.wide, self.narrow = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH, bias=False)

    def forward(self, sample, *inputs):
        x = torch.cat([*inputs, self.embed(sample["tokens"])]) if self.first else inputs[0]
        mixed = torch.softmax(x @ x.t(), dim=-1) @ x  # rows see one another
        return x + self.narrow(torch.relu(self.wide(self.norm(mixed))))


class Generator(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.name, self.out = name, nn.Linear(WIDTH, IMAGE)

    def forward(self, sample, hidden):
        return (self.out(torch.tanh(hidden)).mean(0) - sample[self.name]).square().mean()


def build(schedule, module, stage, salt=0):
    torch.manual_seed(zlib.crc32(f"{module} {stage} {salt}".encode()))
    if module in schedule.encoders:
        return Encoder(module).double()
    return (Generator(module) if module in schedule.generators else Stage(stage == 0)).double()


def rows(module, microbatch):
    """Uneven: images of mixed sizes."""
    return 1 + (zlib.crc32(module.encode()) + microbatch) % 3


def samples(schedule):
    out = []
    for m in range(schedule.microbatches):
        torch.manual_seed(1000 + m)
        sample = {"tokens": torch.randint(CLASSES, (rows("text", m),)), "number": m}
        sample.update({e: torch.randn(rows(e, m), IMAGE, dtype=torch.float64) for e in schedule.encoders})
        sample.update({g: torch.randn(IMAGE, dtype=torch.float64) for g in schedule.generators})
        out.append(sample)
    return out


def signature(schedule):
    def of(module, _stage, sample):
        if module in schedule.encoders:
            return (rows(module, sample["number"]), WIDTH), torch.float64
        return (sum(rows(e, sample["number"]) for e in schedule.encoders) + len(sample["tokens"]), WIDTH), torch.float64

    return of


def loss(_sample, hidden):
    return hidden.square().mean()


def run_plainly(schedule, data):
    """Loss and modules with gradients: no pipeline, no queue, one graph for each microbatch."""
    keys = [(e, 0) for e in schedule.encoders] + [("llm", s) for s in range(schedule.stages)] + [(g, 0) for g in schedule.generators]
    modules, total = {key: build(schedule, *key) for key in keys}, 0.0
    for name in schedule.frozen:
        modules[name, 0].requires_grad_(False)
    for sample in data:
        hidden = [modules[e, 0][0](sample) for e in schedule.encoders]
        for index, e in enumerate(schedule.encoders):
            for layer in list(modules[e, 0])[1:]:
                hidden[index] = layer(hidden[index])
        for s in range(schedule.stages):
            hidden = [modules["llm", s](sample, *hidden)]
        whole = loss(sample, hidden[0]) + sum(modules[g, 0](sample, hidden[0]) for g in schedule.generators)
        (whole / schedule.microbatches).backward()
        total += whole.item() / schedule.microbatches
    return total, modules
