"""A rank that is killed or stopped in the middle of a step: the others end within 10 seconds and say which it was.

killed    mpirun itself ends the others at once, and names the rank and the signal
recovery  the same under a launcher that leaves them alone (mpirun --enable-recovery): each rank says it
stopped   SIGSTOP: alive for the launcher, silent for the others
Usage: lost_rank_test.py BIN SOURCE
"""
import os
import signal
import subprocess
import tempfile
import time

from launch import environment, mpirun_command, simulate

JOB = {"schema": "bigmac.job/1", "pipeline": {"ranks": 4, "chunks": 1, "microbatches": 400},
       "costs_ns": {"llm": {"F": 50_000_000, "B": 100_000_000}}}
LOST = 2


def read(path):
    """Of /proc; a process may be gone by now."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def process_of(mpirun, rank):
    """The process of a rank, once its step has begun."""
    mark = f"OMPI_COMM_WORLD_RANK={rank}"
    for _ in range(200):
        for process in filter(str.isdigit, os.listdir("/proc")):
            if f"\nPPid:\t{mpirun.pid}\n" in read(f"/proc/{process}/status") and mark in read(f"/proc/{process}/environ").split("\0"):
                return int(process)
        time.sleep(0.05)
    raise AssertionError("no such process")


def lose(file, how, expected, *options):
    command = mpirun_command(4, file, "--mode", "sleep", "--silence", "4")
    run = subprocess.Popen(command[:1] + list(options) + command[1:], env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        process = process_of(run, LOST)
        time.sleep(1.5)
        assert run.poll() is None, "it ended by itself"
        os.kill(process, how)
        begin = time.monotonic()
        _, said = run.communicate(timeout=30)
        took = time.monotonic() - begin
    finally:
        run.kill()
    assert took < 10, f"{took:.1f} s\n{said}"
    for text in expected:
        assert text in said, f"expected '{text}' in\n{said}"
    print(f"{how.name} {' '.join(options)}: all ended after {took:.1f} s")
    return run.returncode


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "long.json")
    assert simulate(JOB, "1f1b", path)
    assert lose(path, signal.SIGKILL, [f"rank {LOST} ", "signal 9"]) != 0
    assert lose(path, signal.SIGSTOP, [f"rank {LOST} is lost"]) != 0
    lose(path, signal.SIGKILL, [f"rank {LOST} is lost: it has given no sign of life", f"rank {LOST} is lost: rank {LOST + 1} says so"],
         "--enable-recovery")
