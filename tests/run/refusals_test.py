"""A schedule file that is wrong in any of these ways is refused before anything runs: exit code 2 (no schedule file of this
run) or 4 (a schedule that cannot run or contradicts itself), one message, every process ends. Usage: refusals_test.py BIN SOURCE
"""
import copy
import json
import os
import tempfile

from launch import mpirun, simulate

JOB = {"schema": "bigmac.job/1", "pipeline": {"ranks": 2, "chunks": 2, "microbatches": 4},
       "costs_ns": {"llm": {"F": 1000, "B": 2000, "activation_bytes": 100}, "encoder": {"F": 600, "B": 1000, "activation_bytes": 10},
                    "generator": {"F": 500, "B": 500}}}


def find(ops, **members):
    return next(i for i, op in enumerate(ops) if all(op.get(key) == value for key, value in members.items()))


def swap(ops, a, b):
    ops[a], ops[b] = ops[b], ops[a]


def without_times(document):
    """As other tools write it, so that an order is judged by itself and not by the times beside it."""
    del document["result"]
    for rank in document["ranks"]:
        for op in rank["ops"]:
            del op["start_ns"], op["end_ns"]


def missing(d, o): without_times(d); del o[find(o, op="F", module="llm", chunk=1)]
def missing_encoder(d, o): without_times(d); del o[find(o, op="B", module="encoder")]
def doubled(d, o): without_times(d); o.insert(5, dict(o[4]))
def renumbered(d, o): without_times(d); o[find(o, op="F", module="llm", microbatch=3)]["microbatch"] = 2
def backward_first(d, o): without_times(d); swap(o, find(o, op="F", module="llm", chunk=1, microbatch=0), find(o, op="B", module="llm", chunk=1, microbatch=0))
def cycle_between_ranks(d, o): without_times(d); swap(o, find(o, op="F", module="llm", chunk=0, microbatch=0), find(o, op="F", module="llm", chunk=1, microbatch=0))
def reordered(d, o): swap(o, find(o, op="F", module="llm", microbatch=0), find(o, op="F", module="llm", microbatch=1))
def moved_to_another_rank(d, o): without_times(d); d["ranks"][1]["ops"].append(o.pop(find(o, op="B", module="encoder")))
def llm_on_another_rank(d, o): without_times(d); d["ranks"][1]["ops"].append(o.pop())
def split_in_half(d, o): without_times(d); o[find(o, op="B", module="llm")]["op"] = "I"
def weights_before_inputs(d, o):
    without_times(d)
    at = find(o, op="B", module="llm")
    o[at:at + 1] = [{**o[at], "op": "W"}, {**o[at], "op": "I"}]
def part_missing(d, o): without_times(d); o[find(o, op="F", module="encoder")].update(part=0, parts=2)
def parts_out_of_order(d, o):
    without_times(d)
    at = find(o, op="F", module="encoder")
    o[at:at + 1] = [{**o[at], "part": 1, "parts": 2}, {**o[at], "part": 0, "parts": 2}]
def late(d, o): o[2]["start_ns"] += 1
def other_peak(d, o): d["result"]["ranks"][1]["peak_activation_bytes"] += 1
def other_iteration(d, o): d["result"]["iteration_ns"] -= 1
def other_schema(d, o): d["schema"] = "bigmac.schedule/2"
def more_ranks(d, o): d["pipeline"]["ranks"] = 3
def other_microbatches(d, o): d["pipeline"]["microbatches"] = 5
def rank_twice(d, o): d["ranks"][1]["rank"] = 0
def rank_missing(d, o): del d["ranks"][1]
def unknown_operation(d, o): o[0]["op"] = "X"
def unknown_module(d, o): o[0]["module"] = "decoder"
def microbatch_out_of_range(d, o): o[0]["microbatch"] = 4
def chunk_out_of_range(d, o): o[find(o, module="llm")]["chunk"] = 2
def negative_microbatch(d, o): o[0]["microbatch"] = -1
def text_for_number(d, o): o[0]["microbatch"] = "0"
def no_operations(d, o): del d["ranks"][0]["ops"]
def cost_gone(d, o): del d["job"]["costs_ns"]["llm"]["F"]
def order_of_microbatches(d, o): d["schedule"]["microbatch_order"] = [0, 1, 1, 3]


INVALID = [missing, missing_encoder, doubled, renumbered, backward_first, cycle_between_ranks, reordered, moved_to_another_rank,
           llm_on_another_rank, split_in_half, weights_before_inputs, part_missing, parts_out_of_order, late, other_peak,
           other_iteration]
NO_SCHEDULE = [other_schema, more_ranks, other_microbatches, rank_twice, rank_missing, unknown_operation, unknown_module,
               microbatch_out_of_range, chunk_out_of_range, negative_microbatch, text_for_number, no_operations, cost_gone,
               order_of_microbatches]


def expect(code, name, ranks, *arguments):
    # Open MPI waits a second before it clears away the processes of a run that failed; nobody is left to wait for here.
    run = mpirun(ranks, *arguments, timeout=30, odls_base_sigkill_timeout=0)
    said = [line for line in run.stderr.splitlines() if line.startswith(("error: ", "invalid schedule: "))]
    assert run.returncode == code, f"{name}: ended with {run.returncode}, expected {code}\n{run.stderr}"
    assert len(said) == 1, f"{name}: expected one message\n{run.stderr}"
    assert run.stdout == "", f"{name}: something ran\n{run.stdout}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        good, bad = os.path.join(folder, "good.json"), os.path.join(folder, "bad.json")
        assert simulate(JOB, "bigmac", good)
        with open(good) as file:
            text = file.read()
        document = json.loads(text)

        def refused(code, name, content):
            with open(bad, "w") as out:
                out.write(content)
            # The good file comes first: not even it may run.
            expect(code, name, 2, good, bad)

        for code, corruptions in ((4, INVALID), (2, NO_SCHEDULE)):
            for corrupt in corruptions:
                changed = copy.deepcopy(document)
                corrupt(changed, changed["ranks"][0]["ops"])
                assert changed != document
                refused(code, corrupt.__name__, json.dumps(changed))
        refused(2, "cut in half", text[:len(text) // 2])
        refused(2, "cut at the end", text.rstrip()[:-1])
        refused(2, "empty", "")
        refused(2, "no JSON", "ranks: 2")
        expect(2, "too many processes", 3, good)
        expect(2, "too few processes", 1, good)
        expect(2, "absent", 2, os.path.join(folder, "absent.json"))
        expect(2, "unknown mode", 2, good, "--mode", "guess")
        # And the file itself, and its order alone, are fine.
        without_times(document)
        with open(bad, "w") as out:
            json.dump(document, out)
        run = mpirun(2, good, bad)
        assert run.returncode == 0 and run.stdout.count("as promised") == 2, run.stdout + run.stderr
    print(f"{len(INVALID) + len(NO_SCHEDULE) + 8} ways to be wrong, each refused")


main()
