"""The Python module against the programs and against itself."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import bigmac

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WORKED = SOURCE / "configs/jobs/abstract/worked-example.json"
QWEN = SOURCE / "configs/jobs/qwen2.5-vl-7b_h100x8.json"


def test_a_job_may_be_a_path_or_a_dict():
    job = json.loads(WORKED.read_text())
    assert bigmac.simulate(job, "bigmac")["iteration_ns"] == bigmac.simulate(WORKED, "bigmac")["iteration_ns"] == 62200


def test_arrays_hold_what_the_rules_say():
    result = bigmac.simulate(WORKED, "bigmac")
    ops, ranks = result["operations"], result["ranks"]
    assert all(isinstance(column, np.ndarray) and len(column) == 160 for column in ops.values())
    assert ops["end_ns"].max() == result["iteration_ns"]
    assert set(ops["op"]) == {"F", "B"}
    busy = np.bincount(ops["rank"], weights=ops["end_ns"] - ops["start_ns"])
    assert (busy == ranks["busy_ns"]).all()
    for rank in range(4):
        mine = ops["rank"] == rank
        assert (ops["start_ns"][mine][1:] >= ops["end_ns"][mine][:-1]).all()
    assert result["bubble_fraction"] == pytest.approx(1 - busy.mean() / result["iteration_ns"])


def test_parameters_and_base_reach_the_builder():
    result = bigmac.simulate(WORKED, "bigmac", base="interleaved", parameters={"encoder_warmup_groups": 2})
    assert result["parameters"]["encoder_warmup_groups"] == 2 and result["base"] == "interleaved"


def test_check_accepts_what_simulate_gives_and_finds_a_lie():
    result = bigmac.simulate(WORKED, "naive")
    checked = bigmac.check(result)
    assert checked["valid"] and checked["iteration_ns"] == result["iteration_ns"]
    file = json.loads(result["text"])
    file["ranks"][0]["ops"][1]["start_ns"] += 1
    lie = bigmac.check(file)
    assert not lie["valid"] and "is stated from" in lie["message"]
    first, second = file["ranks"][3]["ops"][:2]
    file["ranks"][3]["ops"][:2] = [second, first]
    file["ranks"][3]["ops"].pop()
    assert not bigmac.check(file)["valid"]


def test_a_deadlock_names_its_cycle():
    file = json.loads(bigmac.simulate({**json.loads(WORKED.read_text()), "costs_ns": {"llm": {"F": 1, "B": 2}}}, "gpipe")["text"])
    file["ranks"][0]["ops"].reverse()
    found = bigmac.check(file)
    assert not found["valid"] and len(found["cycle"]) >= 2


def test_wrong_input_says_where_and_what():
    with pytest.raises(bigmac.Error, match="did you mean 'bigmac'"):
        bigmac.simulate(WORKED, "bigmak")
    with pytest.raises(bigmac.Error, match="/pipeline/ranks: expected an integer"):
        bigmac.simulate({**json.loads(WORKED.read_text()), "pipeline": {"ranks": 0, "chunks": 1, "microbatches": 1}}, "bigmac")
    with pytest.raises(bigmac.Error, match="absent.json: cannot read"):
        bigmac.load("absent.json")
    with pytest.raises(ValueError):
        bigmac.plan(QWEN, objective="cheapest")


def test_load_puts_named_files_in_place():
    job = bigmac.load(QWEN)
    assert isinstance(job["model"], dict) and isinstance(job["cluster"], dict)


def test_plan_is_what_bigmac_plan_prints(request):
    program = request.config.getoption("--programs") + "/bigmac-plan"
    printed = json.loads(subprocess.run([program, str(QWEN), "--schedule", "bigmac", "--json"], check=True, capture_output=True).stdout)
    found = bigmac.plan(QWEN, schedules=["bigmac"])
    assert {key: found[key] for key in printed} == printed
    assert found["schedule"]["step_ns"] == found["best"][0]["step_ns"]
    assert bigmac.check(found)["valid"]


def test_nothing_fits_is_an_error():
    with pytest.raises(bigmac.Error, match="no feasible plan"):
        bigmac.plan(QWEN, schedules=["bigmac"], memory_limit=1e9)


def test_draw_gives_a_picture():
    assert bigmac.draw(bigmac.simulate(WORKED, "bigmac"), width=900).startswith("<svg ")


def test_schedules_are_those_of_the_registry():
    assert {"naive", "bigmac", "1f1b"} <= {entry["name"] for entry in bigmac.schedules()}


def test_a_python_without_numpy_is_named():
    script = "import sys; sys.modules['numpy'] = None; import bigmac"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.returncode == 1
    last = said.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: bigmac cannot start under {sys.executable}") and "needs numpy" in last


def test_the_docstring_of_the_module_runs():
    import doctest, os
    os.chdir(SOURCE)
    assert doctest.testmod(bigmac).failed == 0


def test_stubs_name_every_function():
    stub = pathlib.Path(bigmac.__file__).with_suffix(".pyi").read_text()
    for name in bigmac.__all__:
        assert name in stub
