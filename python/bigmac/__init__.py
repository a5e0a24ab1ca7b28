"""Plans and simulates pipeline-parallel training of multimodal models.

    >>> import bigmac
    >>> result = bigmac.simulate("configs/jobs/abstract/worked-example.json", "bigmac")
    >>> result["iteration_ns"]
    62200

Jobs are paths, or dicts as in docs/files.md. Results are plain dicts; what there is one of per rank or operation is a
numpy array. Wrong input raises bigmac.Error, a ValueError, that says where and what was expected.
"""

import json
import os
import pathlib
import sys

try:
    import numpy  # noqa: F401  results hold numpy arrays

    from . import _core
    from ._core import Error, __version__
except ImportError as missing:
    built = [path.name for path in pathlib.Path(__file__).parent.glob("_core*.so")]
    raise ImportError(
        f"bigmac cannot start under {sys.executable} (Python {sys.version.split()[0]}): {missing}. It needs numpy and the"
        f" Python that it was built for ({', '.join(built) or 'not built: run ./dev build'})"
    ) from missing

__all__ = ["Error", "__version__", "check", "draw", "load", "plan", "schedules", "simulate"]


def _text(source):
    """The text of a path or a dict, and the name that messages and relative paths start from."""
    if isinstance(source, dict):
        return json.dumps(source), os.path.join(os.getcwd(), "dict")
    path = os.fspath(source)
    try:
        return pathlib.Path(path).read_text(encoding="utf-8"), path
    except (OSError, UnicodeDecodeError) as error:
        raise Error(f"{path}: cannot read: {error}") from None


def _schedule_text(source):
    """Results of simulate() and plan() carry their schedule file; dicts and paths are files themselves."""
    if isinstance(source, dict) and "text" in source:
        return source["text"], "result"
    if isinstance(source, dict) and isinstance(source.get("schedule"), dict) and "text" in source["schedule"]:
        return source["schedule"]["text"], "result"
    return _text(source)


def load(job):
    """The job as a dict, with the model, cluster and cost files that it names put in place."""
    return json.loads(_core.load(*_text(job)))


def schedules():
    """Every schedule: name, summary, paper, what it requires, bases and parameters."""
    return json.loads(_core.schedules())


def simulate(job, schedule, base="", parameters=None):
    """Builds one schedule of a job that states its pipeline and costs, and simulates it.

    Returns schedule, base, parameters, modules (names), iteration_ns, lower_bound_ns, bubble_fraction, "ranks" (arrays
    busy_ns, peak_activation_bytes, live_encoder, live_generator, live_llm_chunks), "operations" (arrays rank, op,
    module, stage, microbatch, part, parts, start_ns, end_ns: rank after rank, in execution order) and "text", the
    schedule file. A schedule that deadlocks raises Error with the operations that wait.
    """
    return _core.simulate(*_text(job), schedule, base, dict(parameters or {}))


def plan(job, objective="time", schedules=(), memory_limit=None, threads=0):
    """Searches the plans of a job with a model and a cluster.

    objective: "time", "memory" or "pareto"; memory_limit: bytes per GPU; threads: 0 for all cores (the result does not
    depend on it). Returns "best" and "front" (lists of plans), "counts" and "schedule", the chosen plan as simulate()
    returns it with step_ns and mfu. Raises Error when nothing fits.
    """
    return _core.plan(*_text(job), objective, list(schedules), int(memory_limit or 0), int(threads))


def check(schedule):
    """Validates and re-times a schedule: a path, a schedule file's dict, or what simulate() and plan() return.

    Returns what simulate() returns with "valid": True, or "valid": False with message, cycle and grid.
    """
    return _core.check(*_schedule_text(schedule))


def draw(schedule, width=1100):
    """A picture of a schedule as SVG text. In a notebook: IPython.display.SVG(bigmac.draw(result))."""
    return _core.draw(*_schedule_text(schedule), float(width))
