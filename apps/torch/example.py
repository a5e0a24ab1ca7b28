"""Trains a small vision-language model by a schedule file, on CPUs (gloo) or GPUs (nccl):

    bigmac-sim run job.json --schedule bigmac -o bigmac.json
    torchrun --nproc_per_node 4 example.py bigmac.json        # or: python3 -m torch.distributed.run ...

Every rank builds only the stages that its operations use. The task: say, after an image, which class it was drawn from.
"""
import argparse
import os

import torch
import torch.distributed as dist
from torch import nn

from bigmac_torch import PipelineRunner, load_schedule

WIDTH, PATCHES, PIXELS, CLASSES, PER_MICROBATCH = 32, 4, 12, 8, 4


class Encoder(nn.Sequential):
    """Takes the sample; a chain, so that a schedule may cut it into parts."""

    class Patches(nn.Linear):
        def forward(self, sample):
            return super().forward(sample["image"])

    def __init__(self):
        super().__init__(self.Patches(PIXELS, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))


class Stage(nn.Module):
    """Stage 0 puts a question token behind the image; every stage is an attention and a dense layer."""

    def __init__(self, first):
        super().__init__()
        self.question = nn.Parameter(torch.randn(1, 1, WIDTH)) if first else None
        self.norm, self.attention = nn.LayerNorm(WIDTH), nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.dense = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, sample, x):
        if self.question is not None:
            x = torch.cat([x, self.question.expand(len(x), -1, -1)], dim=1)
        normed = self.norm(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        return x + self.dense(x)


class LastStage(Stage):
    def __init__(self, first):
        super().__init__(first)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, sample, x):
        return self.head(super().forward(sample, x)[:, -1])


def draw(generator, means):
    """One microbatch: images around the mean of their class."""
    answer = torch.randint(CLASSES, (PER_MICROBATCH,), generator=generator)
    noise = torch.randn(PER_MICROBATCH, PATCHES, PIXELS, generator=generator)
    return {"image": means[answer].unsqueeze(1) + noise, "answer": answer}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schedule", help="a schedule file of a job with one encoder and no generator")
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if on_gpu else "gloo")
    schedule = load_schedule(options.schedule)
    last = schedule.stages - 1

    def build(module, stage):
        torch.manual_seed(stage)
        return Encoder() if module != "llm" else (LastStage if stage == last else Stage)(stage == 0)

    def signature(module, stage, sample):
        rows = PATCHES if module != "llm" else PATCHES + 1
        return (PER_MICROBATCH, rows, WIDTH), torch.float32

    def loss(sample, logits):
        return nn.functional.cross_entropy(logits, sample["answer"])

    runner = PipelineRunner(schedule, build, signature, loss, device)
    optimizer = torch.optim.Adam(runner.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(1)
    means = torch.randn(CLASSES, PIXELS, generator=generator)
    for step in range(options.steps):
        batch = [draw(generator, means) for _ in range(schedule.microbatches)]
        batch = [{name: tensor.to(device) for name, tensor in sample.items()} for sample in batch]
        optimizer.zero_grad(set_to_none=True)
        value = runner.step(batch)
        optimizer.step()
        if dist.get_rank() == 0:
            print(f"step {step:3} loss {value:.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
