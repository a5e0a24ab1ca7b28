"""Every schedule that `bigmac-sim list` names, executed by 2, 4 and 8 processes: the loss and every gradient of the
pipelined step equal those of the same model run plainly, kept activations peak where the plan says, and nothing hangs,
with ordinary and with synchronous sends. Usage: matrix_test.py BIN SOURCE [all] [SEED]

Jobs have random costs by stage and microbatch (orders differ with them), with and without encoders and generators, two of
a kind, frozen encoders, and numbers of microbatches that ranks do not divide. Without `all` each pair of schedule and base
meets some of the jobs, in turn; with it, all of them. Another SEED draws other costs.
"""
import json
import os
import random
import sys
import tempfile

from launch import mpirun, reports, schedules, simulate

RANKS = (2, 4, 8)
TOLERANCE = 1e-10


def numbers(rng, count):
    return [rng.randint(1, 1000) for _ in range(count)]


def module(rng, microbatches):
    return {"F": numbers(rng, microbatches), "B": numbers(rng, microbatches), "activation_bytes": numbers(rng, microbatches),
            "transfer": rng.randint(0, 50)}


SEED = next((int(argument) for argument in sys.argv[3:] if argument.isdigit()), 0)


def job(number, ranks, chunks, microbatches, sides=(), frozen=()):
    rng = random.Random(1000 * SEED + number)
    stages = ranks * chunks
    llm = {"F": [numbers(rng, microbatches) for _ in range(stages)], "B": numbers(rng, stages), "transfer": rng.randint(0, 50),
           "activation_bytes": [numbers(rng, microbatches) for _ in range(stages)]}
    return {"schema": "bigmac.job/1", "pipeline": {"ranks": ranks, "chunks": chunks, "microbatches": microbatches},
            "modules": {name: {"frozen": True} for name in frozen},
            "costs_ns": {"llm": llm, **{name: module(rng, microbatches) for name in sides}}}


def jobs(ranks, alone):
    """Of one number of ranks; `alone`: for schedules that take the LLM only."""
    if alone:
        return [job(1, ranks, 2, 2 * ranks), job(2, ranks, 1, ranks + 1), job(3, ranks, 2, 20), job(4, ranks, 1, 3),
                job(13, ranks, 1, 2 * ranks + 2)]
    return [job(5, ranks, 2, ranks, ("encoder", "generator")), job(6, ranks, 1, ranks + 1, ("encoder",)),
            job(7, ranks, 2, 2 * ranks, ("encoder", "encoder_b"), ("encoder",)), job(8, ranks, 1, 2 * ranks, ("generator",)),
            job(9, ranks, 2, 2 * ranks, ("encoder", "generator", "generator_b")), job(10, ranks, 2, 20, ("encoder",)),
            job(11, ranks, 1, 2, ("encoder", "generator")), job(12, ranks, 2, ranks + 3, ("encoder", "generator"), ("encoder",))]


def write_files(folder, ranks, everything):
    """Schedule files of one number of ranks; which names were there is counted, so that none is left out in silence."""
    files, turn = [], 0
    for info in schedules():
        name, alone, before = info["name"], "no encoder, no generator" in info["requires"], len(files)
        for base in info["bases"] or [""]:
            for number, candidate in enumerate(jobs(ranks, alone)):
                if not everything and len(info["bases"]) > 2 and (number + turn) % 4 != 0:
                    continue
                path = os.path.join(folder, f"{name}-{base or 'own'}-{number}.json")
                if simulate(candidate, name, path, base):
                    files.append(path)
            turn += 1
        assert len(files) > before, f"{name} could not be scheduled on any job of {ranks} ranks"
    return files


def with_recomputation(path):
    """The same order, as another tool may write it: no times, and an R before every backward that lacks one."""
    with open(path) as file:
        document = json.load(file)
    for rank in document["ranks"]:
        ops = []
        for op in rank["ops"]:
            op = {key: value for key, value in op.items() if key not in ("start_ns", "end_ns")}
            if op["op"] in "BI" and op.get("part", 0) == 0:
                ops.append({**{key: value for key, value in op.items() if key not in ("part", "parts")}, "op": "R"})
            ops.append(op)
        rank["ops"] = ops
    del document["result"]
    out = path.replace(".json", "-recompute.json")
    with open(out, "w") as file:
        json.dump(document, file)
    return out


def check(ranks, files, *arguments):
    run = mpirun(ranks, *files, "--mode", "compute", "--json", *arguments)
    results = reports(run)
    assert len(results) == len(files), f"{run.stdout[-2000:]}\n{run.stderr}"
    for result in results:
        assert not result["failures"], json.dumps(result, indent=1)
        assert result["gradient_relative_difference"] <= TOLERANCE and result["weight_tensors"] > 0, result
        assert abs(result["loss"] - result["plain_loss"]) <= TOLERANCE * abs(result["plain_loss"]), result
        for rank in result["ranks"]:
            assert rank["peak_activation_bytes"] == rank["planned_peak_activation_bytes"], result
            assert rank["model_peak_bytes"] == rank["model_planned_peak_bytes"], result
        # Some rank really sent something: a run that exchanged nothing proves nothing.
        assert result["messages"] > 0, result
    assert run.returncode == 0, run.stderr
    worst = max(result["gradient_relative_difference"] for result in results)
    print(f"{ranks} ranks {' '.join(arguments) or 'ordinary sends'}: {len(results)} schedules, {sum(r['messages'] for r in results)} messages, "
          f"largest relative difference of a gradient {worst:.2g}", flush=True)


def main():
    everything = "all" in sys.argv[3:]
    for ranks in RANKS:
        with tempfile.TemporaryDirectory() as folder:
            files = write_files(folder, ranks, everything)
            files += [with_recomputation(path) for path in files[::8]]
            check(ranks, files, "--synchronous")
            check(ranks, files if everything else files[::4])


main()
