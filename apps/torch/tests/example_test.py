"""The example of the README trains: four processes, started as torchrun starts them, and a loss that falls.
Usage: example_test.py BIN
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
JOB = {"schema": "bigmac.job/1", "pipeline": {"ranks": 4, "chunks": 1, "microbatches": 8},
       "costs_ns": {"llm": {"F": 1000, "B": 2000}, "encoder": {"F": 500, "B": 1000}}}


def start(rank, path, meeting):
    # Debian 12's torchrun does not start under Python 3.11; these variables are what it would set.
    environment = {**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "4", "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(meeting), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, os.path.join(os.path.dirname(HERE), "example.py"), path, "--steps", "12"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


with tempfile.TemporaryDirectory() as folder:
    job, path = os.path.join(folder, "job.json"), os.path.join(folder, "hybrid.json")
    with open(job, "w") as file:
        json.dump(JOB, file)
    command = [os.path.join(sys.argv[1], "bigmac-sim"), "run", job, "--schedule", "hybrid", "--base", "zb-h1", "-o", path]
    subprocess.run(command, check=True, capture_output=True)
    port = free_port()
    processes = [start(rank, path, port) for rank in range(4)]
    try:
        outputs = [process.communicate(timeout=100)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
assert all(process.returncode == 0 for process in processes), [process.returncode for process in processes]
losses = [float(value) for value in re.findall(r"loss ([\d.]+)", outputs[0])]
assert len(losses) == 12 and not any(outputs[1:]), outputs
assert sum(losses[-3:]) < 0.7 * sum(losses[:3]), losses
print(f"loss {losses[0]} at the first step, {losses[-1]} at the last")
