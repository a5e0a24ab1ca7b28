import os
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Union

import numpy as np
import numpy.typing as npt

__version__: str

class Error(ValueError): ...

Source = Union[str, os.PathLike[str], dict[str, Any]]

class Ranks(TypedDict):
    busy_ns: npt.NDArray[np.int64]
    peak_activation_bytes: npt.NDArray[np.int64]
    live_encoder: npt.NDArray[np.int64]
    live_generator: npt.NDArray[np.int64]
    live_llm_chunks: npt.NDArray[np.int64]

class Operations(TypedDict):
    rank: npt.NDArray[np.int32]
    op: npt.NDArray[np.str_]
    module: npt.NDArray[np.int32]
    stage: npt.NDArray[np.int32]
    microbatch: npt.NDArray[np.int32]
    part: npt.NDArray[np.int32]
    parts: npt.NDArray[np.int32]
    start_ns: npt.NDArray[np.int64]
    end_ns: npt.NDArray[np.int64]

class Result(TypedDict, total=False):
    schedule: str
    base: str
    parameters: dict[str, int]
    modules: list[str]
    iteration_ns: int
    lower_bound_ns: int
    bubble_fraction: float
    step_ns: int
    mfu: float
    ranks: Ranks
    operations: Operations
    text: str
    valid: bool
    message: str
    cycle: list[str]
    grid: str

class Plans(TypedDict):
    job: str
    memory_limit_bytes: int
    best: list[dict[str, Any]]
    front: list[dict[str, Any]]
    counts: dict[str, Any]
    schedule: Result

def load(job: Source) -> dict[str, Any]: ...
def schedules() -> list[dict[str, Any]]: ...
def simulate(job: Source, schedule: str, base: str = "", parameters: Mapping[str, int] | None = None) -> Result: ...
def plan(
    job: Source,
    objective: str = "time",
    schedules: Iterable[str] = (),
    memory_limit: float | None = None,
    threads: int = 0,
) -> Plans: ...
def check(schedule: Source | Result | Plans) -> Result: ...
def draw(schedule: Source | Result | Plans, width: float = 1100) -> str: ...
