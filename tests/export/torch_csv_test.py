"""What bigmac-sim exports as torch-csv is what torch.distributed.pipelining would load and run.

The rules of its loader (schedules.py of pytorch at commit 00722e6), restated here and shared with nobody: a cell is stage, action, microbatch and
nothing else; every rank has work; each stage is on one rank; per stage M forwards, I as often as W, B + (I + W) / 2 = M; F before
B or I, I before W; sends and receives can be put in rank by rank, a consumer coming after its producer; and the last
stage takes its losses in the order in which it makes them, so its forwards must come in the order of their numbers and a
backward after its loss. Usage: torch_csv_test.py BIN SOURCE
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict

BIN = os.path.realpath(sys.argv[1])
CELL = re.compile(r"(\d+)([FBIW])(\d+)")


class Refused(Exception):
    pass


def require(condition, *why):
    if not condition:
        raise Refused(" ".join(map(str, why)))


def read(text):
    """By rank: (stage, action, microbatch)."""
    require(text.endswith("\n") and not text.endswith("\n\n"), "a row for each rank, no more")
    rows = []
    for line in text[:-1].split("\n"):
        cells = [CELL.fullmatch(cell) for cell in line.split(",")]
        require(all(cells), "cannot read", line[:80])
        rows.append([(int(c[1]), c[2], int(c[3])) for c in cells])
    return rows


def check_counts(rows, stages, microbatches):
    seen, place = defaultdict(list), {}
    for rank, row in enumerate(rows):
        for step, (stage, action, m) in enumerate(row):
            require(stage < stages and m < microbatches, "out of range", stage, m)
            require(place.setdefault(stage, rank) == rank, "stage", stage, "on two ranks")
            require(m not in seen[stage, action], "twice:", stage, action, m)
            before = {"F": None, "B": "F", "I": "F", "W": "I"}[action]
            require(before is None or m in seen[stage, before], stage, action, m, "at step", step, "before its", before)
            seen[stage, action].append(m)
    require(len(place) == stages, "stages without work")
    for stage in range(stages):
        f, b, i, w = (len(seen[stage, action]) for action in "FBIW")
        require(f == microbatches and i == w and b + (i + w) // 2 == microbatches, "stage", stage, "counts", f, b, i, w)
    require(seen[stages - 1, "F"] == list(range(microbatches)), "losses would be mixed up")
    return place


def check_lowering(rows, stages):
    """Rank after rank places an action once what it takes is there; it must end with all placed."""
    there, at = set(), [0] * len(rows)

    def ready(stage, action, m):
        if action == "F":
            return stage == 0 or ("out", stage - 1, m) in there
        return action == "W" or stage == stages - 1 or ("gradient", stage + 1, m) in there

    progress = True
    while progress:
        progress = False
        for rank, row in enumerate(rows):
            if at[rank] < len(row) and ready(*row[at[rank]]):
                stage, action, m = row[at[rank]]
                if action != "W":
                    there.add(("out" if action == "F" else "gradient", stage, m))
                at[rank] += 1
                progress = True
    require(all(at[rank] == len(row) for rank, row in enumerate(rows)), "sends and receives cannot be put in")


def check(text, ranks, stages, microbatches):
    rows = read(text)
    require(len(rows) == ranks, "rows", len(rows))
    check_counts(rows, stages, microbatches)
    check_lowering(rows, stages)
    return rows


def compute_order(document):
    """Of the file: LLM operations by rank, (stage, op, the job's microbatch)."""
    ranks = document["pipeline"]["ranks"]
    return [[(op.get("stage", op.get("chunk", 0) * ranks + entry["rank"]), op["op"], op["microbatch"]) for op in entry["ops"] if op["module"] == "llm"]
            for entry in document["ranks"]]


def job(chunks, microbatches, sides=()):
    # Costs that differ from microbatch to microbatch, so that schedules which sort them do.
    side = {"F": [100 + 370 * (m * m % 7) for m in range(microbatches)], "B": 1100}
    return {"schema": "bigmac.job/1", "pipeline": {"ranks": 4, "chunks": chunks, "microbatches": microbatches},
            "costs_ns": {"llm": {"F": 1000, "B": 2000, "transfer": 50}, **{name: side for name in sides}}}


def run(*arguments):
    return subprocess.run([os.path.join(BIN, "bigmac-sim"), *arguments], capture_output=True, text=True)


def export(folder, content, schedule, base, settings):
    """(schedule file, CSV text, what export said) or None where the schedule refuses the job."""
    source, path, csv = (os.path.join(folder, name) for name in ("job.json", "schedule.json", "out.csv"))
    with open(source, "w") as file:
        json.dump(content, file)
    built = run("run", source, "--schedule", schedule, "-o", path, *(["--base", base] if base else []), *settings)
    if built.returncode != 0:
        return None
    exported = run("export", path, "--format", "torch-csv", "-o", csv)
    with open(path) as file:
        document = json.load(file)
    if exported.returncode != 0:
        return document, None, exported.stderr
    with open(csv, newline="") as file:
        return document, file.read(), exported.stderr


def matches_the_file(document, rows, said):
    """The same order of the same operations, microbatches renamed as the export says."""
    order = re.search(r"in the order ([\d,]+)", said)
    names = list(map(int, order[1].split(","))) if order else list(range(document["pipeline"]["microbatches"]))
    return [[(stage, action, names[m]) for stage, action, m in row] for row in rows] == compute_order(document)


def must_refuse(document):
    """Why torch could not run the file, if so."""
    rows = compute_order(document)
    place = defaultdict(set)
    for rank, row in enumerate(rows):
        for stage, _, _ in row:
            place[stage].add(rank)
    return not all(rows) or any(len(ranks) > 1 for ranks in place.values())


def main():
    loaded = refused = renamed = 0
    listed = json.loads(run("list", "--json").stdout)
    with tempfile.TemporaryDirectory() as folder:
        for info in listed:
            settings = [[], ["--set", "sort_microbatches=1"]] if any(p["name"] == "sort_microbatches" for p in info["parameters"]) else [[]]
            alone, ran = "no encoder, no generator" in info["requires"], False
            sides = ("encoder",) if "no generator" in info["requires"] else ("encoder", "generator")
            for chunks, microbatches in ((1, 8), (2, 8), (1, 11)):
                content = job(chunks, microbatches, () if alone else sides)
                for base in info["bases"] or [""]:
                    for setting in settings:
                        found = export(folder, content, info["name"], base, setting)
                        if not found:
                            continue
                        ran = True
                        document, text, said = found
                        if must_refuse(document):
                            assert text is None and "torch takes" in said, (info["name"], base, said)
                            refused += 1
                            continue
                        assert text is not None, (info["name"], base, said)
                        rows = check(text, 4, 4 * chunks, microbatches)
                        assert matches_the_file(document, rows, said), (info["name"], base)
                        loaded, renamed = loaded + 1, renamed + ("in the order" in said)
            assert ran, f"{info['name']} met no job"
    assert loaded > 20 and refused > 2 and renamed > 0, (loaded, refused, renamed)
    # The checker itself sees faults.
    good = "0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1B1\n"
    check(good, 2, 2, 2)
    for bad in (good[:-1], good + "\n", good.replace("0F1,", ""), good.replace("1F1", "1F0"), good.replace("0B0", "0BW0"),
                good.replace("0F0", "0F0x"), good.replace("1F0,1B0,1F1", "1F1,1B1,1F0"),
                good.replace("0B0", "0I0"), good.replace("1F0,1B0", "1B0,1F0"), good.replace("1F0,1B0,1F1,1B1", "1F1,1F0,1B0,1B1"),
                good.replace("1B1", "0B1").replace("0B0,0B1", "0B0"), good.replace("0F0,0F1,0B0,0B1", "0F1,0B1,0F0,0B0")):
        try:
            check(bad, 2, 2, 2)
        except Refused:
            continue
        raise AssertionError("accepted: " + bad)
    print(f"{loaded} exports would load, {renamed} of them with microbatches renamed; {refused} refused as torch would")


main()
