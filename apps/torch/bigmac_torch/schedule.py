"""Schedule files, read and checked: what runs where, in which order. Knows no schedule by name and no torch."""
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional

LLM = "llm"


class ScheduleError(ValueError):
    """A file that is no schedule, or a schedule that cannot run."""


class Op(NamedTuple):
    kind: str  # F, B (full backward), I (input gradient), W (weight gradient), R (recompute)
    module: str
    stage: int
    microbatch: int
    part: int = 0
    parts: int = 1

    @property
    def last_part(self) -> bool:
        return self.part + 1 == self.parts

    @property
    def pass_key(self):
        return (self.module, self.stage, self.microbatch)

    def __str__(self):
        place = str(self.stage) if self.module == LLM else self.module + ":"
        part = "" if self.parts == 1 else f"[{self.part}/{self.parts}]"
        return f"{place}{self.kind}{self.microbatch}{part}"


class Value(NamedTuple):
    """What one operation leaves for others. `slot`: of the gradients of LLM stage 0, which encoder's."""
    kind: str  # output or gradient
    module: str
    stage: int
    microbatch: int
    slot: int = 0


@dataclass
class Schedule:
    ranks: int
    stages: int  # of the LLM, over all ranks
    microbatches: int
    ops: List[List[Op]]  # by rank, in execution order
    encoders: List[str] = field(default_factory=list)
    generators: List[str] = field(default_factory=list)
    frozen: List[str] = field(default_factory=list)
    name: str = ""

    def reads(self, op: Op) -> List[Value]:
        """The one rule of what an operation takes from other passes, in the order in which a module is given them."""
        if op.part > 0 or op.kind in "WR":
            return []
        m, last = op.microbatch, self.stages - 1
        if op.kind == "F":
            if op.module in self.encoders:
                return []
            if op.module in self.generators:
                return [Value("output", LLM, last, m)]
            if op.stage > 0:
                return [Value("output", LLM, op.stage - 1, m)]
            return [Value("output", encoder, 0, m) for encoder in self.encoders]
        if op.module in self.generators:
            return []
        if op.module in self.encoders:
            return [Value("gradient", LLM, 0, m, self.encoders.index(op.module))]
        if op.stage < last:
            return [Value("gradient", LLM, op.stage + 1, m)]
        return [Value("gradient", generator, 0, m) for generator in self.generators]

    def makes(self, op: Op) -> List[Value]:
        """What it leaves when its last part has run; not all of it need have a reader."""
        if not op.last_part or op.kind in "WR":
            return []
        if op.kind == "F":
            return [] if op.module in self.generators else [Value("output", *op.pass_key)]
        slots = len(self.encoders) if op.module == LLM and op.stage == 0 else 1
        return [Value("gradient", *op.pass_key, slot) for slot in range(slots)]

    def holders(self) -> Dict[tuple, List[int]]:
        """By (module, stage): the ranks whose operations use it. More than one: their gradients are to be added up."""
        out: Dict[tuple, List[int]] = {}
        for rank, ops in enumerate(self.ops):
            for key in sorted({(op.module, op.stage) for op in ops}):
                out.setdefault(key, []).append(rank)
        return dict(sorted(out.items()))


def _roles(document) -> Dict[str, dict]:
    """Modules besides the LLM, in the job's order, or by the names that operations use."""
    job = document.get("job") or {}
    names = [name for name in (job.get("costs_ns") or {}) if name != LLM]
    if not names:
        names = list(dict.fromkeys(op["module"] for rank in document["ranks"] for op in rank["ops"] if op["module"] != LLM))
    stated = job.get("modules") or {}
    out = {}
    for name in names:
        entry = dict(stated.get(name) or {})
        entry.setdefault("role", "generator" if name.startswith("generator") else "encoder")
        if entry.get("stages", 1) != 1:
            raise ValueError("%s has %s stages; expected encoders that run whole on one rank" % (name, entry["stages"]))
        out[name] = entry
    return out


def _read_op(entry, rank, ranks) -> Op:
    module = entry["module"]
    stage = 0 if module != LLM else entry["stage"] if "stage" in entry else entry["chunk"] * ranks + rank
    return Op(entry["op"], module, stage, entry["microbatch"], entry.get("part", 0), entry.get("parts", 1))


def parse_schedule(document) -> Schedule:
    """A schedule out of a file's JSON; raises ScheduleError where it cannot run."""
    if document.get("schema") != "bigmac.schedule/1":
        raise ScheduleError(f"expected schema bigmac.schedule/1, found {document.get('schema')!r}")
    try:
        shape, roles = document["pipeline"], _roles(document)
        ranks = shape["ranks"]
        rows: List[Optional[list]] = [None] * ranks
        for entry in document["ranks"]:
            if rows[entry["rank"]] is not None:
                raise ScheduleError(f"rank {entry['rank']} is listed twice")
            rows[entry["rank"]] = [_read_op(op, entry["rank"], ranks) for op in entry["ops"]]
    except (KeyError, IndexError, TypeError) as error:
        raise ScheduleError(f"no schedule file: {error!r}") from error
    if None in rows:
        raise ScheduleError(f"rank {rows.index(None)} is missing")
    schedule = Schedule(ranks, ranks * shape.get("chunks", 1), shape["microbatches"], rows,
                        [name for name in roles if roles[name]["role"] == "encoder"],
                        [name for name in roles if roles[name]["role"] == "generator"],
                        [name for name in roles if roles[name].get("frozen")], (document.get("schedule") or {}).get("name", ""))
    _check_complete(schedule)
    _check_order(schedule)
    return schedule


def load_schedule(path) -> Schedule:
    with open(path, encoding="utf-8") as file:
        try:
            return parse_schedule(json.load(file))
        except (json.JSONDecodeError, ScheduleError) as error:
            raise ScheduleError(f"{path}: {error}") from error


def _check_complete(schedule):
    """Every pass once, on one rank, with its parts in order."""
    count, place, next_part = Counter(), {}, {}
    for rank, ops in enumerate(schedule.ops):
        for op in ops:
            if place.setdefault(op.pass_key, rank) != rank:
                raise ScheduleError(f"{op} is on rank {rank}, the rest of its pass on rank {place[op.pass_key]}")
            if op.part != next_part.get((op.kind,) + op.pass_key, 0):
                raise ScheduleError(f"{op} on rank {rank} is out of order or listed twice")
            next_part[(op.kind,) + op.pass_key] = op.part + 1
            count[(op.kind,) + op.pass_key] += op.last_part
    modules = [(LLM, stage) for stage in range(schedule.stages)] + [(name, 0) for name in schedule.encoders + schedule.generators]
    expected = {(module, stage, m) for module, stage in modules for m in range(schedule.microbatches)}
    for key in sorted(set(place) - expected):
        raise ScheduleError(f"stage or microbatch out of range: {key}")
    for key in sorted(expected):
        f, b, i, w = (count[(kind,) + key] for kind in "FBIW")
        backward = (b, i, w) == (0, 0, 0) if key[0] in schedule.frozen else (b, i, w) in ((1, 0, 0), (0, 1, 1))
        if f != 1 or not backward:
            raise ScheduleError(f"{key} is listed as F {f}, B {b}, I {i}, W {w} times")


def _needs_of_itself(op) -> List[str]:
    return {"F": [], "B": ["F"], "I": ["F"], "R": ["F"], "W": ["I"]}[op.kind]


def _check_order(schedule):
    """Runs the order without doing anything: it must come to an end."""
    done, made, at = set(), set(), [0] * schedule.ranks
    progress = True
    while progress:
        progress = False
        for rank, ops in enumerate(schedule.ops):
            while at[rank] < len(ops):
                op = ops[at[rank]]
                ready = all((kind,) + op.pass_key in done for kind in _needs_of_itself(op))
                if not ready or not all(value in made for value in schedule.reads(op)):
                    break
                if op.last_part:
                    done.add((op.kind,) + op.pass_key)
                made.update(schedule.makes(op))
                at[rank] += 1
                progress = True
    stuck = [f"{ops[at[rank]]} on rank {rank}" for rank, ops in enumerate(schedule.ops) if at[rank] < len(ops)]
    if stuck:
        raise ScheduleError("deadlock: these wait for one another: " + ", ".join(stuck))
