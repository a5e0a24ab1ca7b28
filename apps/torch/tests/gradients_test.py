"""Four processes over gloo: the gradients of a step equal plain autograd's, whatever the schedule. Schedule files come from
bigmac-sim. Usage: gradients_test.py BIN
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.multiprocessing as multiprocessing  # noqa: E402

import small_model  # noqa: E402
from bigmac_torch import PipelineRunner, load_schedule  # noqa: E402

RANKS, TOLERANCE = 4, 1e-10


def job(chunks, microbatches, sides=(), frozen=()):
    side = {"F": [500 + 40 * (m % 5) for m in range(microbatches)], "B": 1100}
    return {"schema": "bigmac.job/1", "pipeline": {"ranks": RANKS, "chunks": chunks, "microbatches": microbatches},
            "modules": {name: {"frozen": True} for name in frozen},
            "costs_ns": {"llm": {"F": 1000, "B": 2000, "transfer": 10}, **{name: side for name in sides}}}


# What each brings: uneven microbatches, parts, I and W, a V, two copies, several of a kind, a frozen encoder.
CASES = [("1f1b", "", job(1, 7)), ("interleaved", "", job(2, 8)), ("zb-h1", "", job(1, 6)), ("zb-v", "", job(2, 8)),
         ("dualpipe", "", job(1, 8)), ("dualpipev", "", job(2, 8)), ("naive", "1f1b", job(1, 5, ("encoder", "generator"))),
         ("upfront", "", job(2, 8, ("encoder", "generator"))), ("optimus", "", job(2, 8, ("encoder",))),
         ("bigmac", "", job(2, 8, ("encoder", "generator"))), ("bigmac", "zb-v", job(2, 8, ("encoder",))),
         ("hybrid", "", job(2, 8, ("encoder", "encoder_b", "generator", "generator_b"))),
         ("hybrid", "dualpipe", job(1, 8, ("encoder", "generator"))), ("hybrid", "", job(2, 8, ("encoder", "encoder_b"), ("encoder",))),
         ("disaggregated", "", job(1, 6, ("encoder", "generator"))), ("balanced", "", job(2, 6, ("encoder", "generator")))]


def write_schedules(binary, folder):
    files = []
    for number, (schedule, base, content) in enumerate(CASES):
        source, path = os.path.join(folder, "job.json"), os.path.join(folder, f"{number:02}-{schedule}-{base or 'own'}.json")
        with open(source, "w") as file:
            json.dump(content, file)
        command = [os.path.join(binary, "bigmac-sim"), "run", source, "--schedule", schedule, "-o", path]
        subprocess.run(command + (["--base", base] if base else []), check=True, capture_output=True)
        files.append(path)
    for path in files[1], files[3], files[9]:
        files.append(with_recomputation(path))
    return files


def with_recomputation(path):
    with open(path) as file:
        document = json.load(file)
    for rank in document["ranks"]:
        rank["ops"] = [new for op in rank["ops"] for new in ([{**op, "op": "R"}] if op["op"] in "BI" and op["module"] == "llm" else []) + [op]]
    out = path.replace(".json", "-recompute.json")
    with open(out, "w") as file:
        json.dump(document, file)
    return out


def relative(ours, plain):
    return ((ours - plain).abs().max() / plain.abs().max()).item()


def compare(runner, plain, steps):
    worst = 0.0
    for key, module in runner.modules.items():
        for (name, ours), (_, theirs) in zip(module.named_parameters(), plain[key].named_parameters()):
            if theirs.grad is None:
                assert key[0] in runner.schedule.frozen and ours.grad is None, (key, name)
                continue
            assert theirs.grad.abs().max() > 0, (key, name)
            worst = max(worst, relative(ours.grad, steps * theirs.grad))
    return worst


def run_one(path):
    schedule = load_schedule(path)
    first = {key: ranks[0] for key, ranks in schedule.holders().items()}

    def build(module, stage):
        # Later holders start from other weights: the first one's must reach them.
        salt = 0 if dist.get_rank() == first[module, stage] else dist.get_rank()
        return small_model.build(schedule, module, stage, salt)

    runner = PipelineRunner(schedule, build, small_model.signature(schedule), small_model.loss)
    data = small_model.samples(schedule)
    expected, plain = small_model.run_plainly(schedule, data)
    for steps in (1, 2):  # the second adds up
        loss = runner.step(data)
        assert abs(loss - expected) <= TOLERANCE * abs(expected), (path, loss, expected)
        worst = compare(runner, plain, steps)
        assert worst <= TOLERANCE, (path, steps, worst)
    if dist.get_rank() == 0:
        print(f"{os.path.basename(path)}: gradients as plain autograd's, largest relative difference on rank 0 {worst:.1e}", flush=True)


def work(rank, files, meeting):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=RANKS)
    for path in files:
        run_one(path)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        names = write_schedules(sys.argv[1], directory)
        multiprocessing.spawn(work, (names, os.path.join(directory, "meeting")), nprocs=RANKS)
        print(f"{len(names)} schedules on {RANKS} processes")
