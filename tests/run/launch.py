"""How the tests start programs: bigmac-sim for schedule files, bigmac-run under mpirun with more processes than cores."""
import json
import os
import subprocess
import sys
import tempfile

BIN, SOURCE = (os.path.realpath(argument) for argument in sys.argv[1:3])


def environment():
    """Open MPI refuses root unless told twice; containers of continuous integration run as root."""
    quiet = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none"}
    # Open MPI leaks by design; the sanitizers' other checks stay on.
    return {**os.environ, **quiet, "ASAN_OPTIONS": "detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", "")}


def mpirun_command(ranks, *arguments):
    return ["mpirun", "--oversubscribe", "-n", str(ranks), os.path.join(BIN, "bigmac-run"), *map(str, arguments)]


def mpirun(ranks, *arguments, timeout=300, **settings):
    """A finished run; one that takes longer than `timeout` seconds is a deadlock and fails. `settings`: of Open MPI."""
    variables = {**environment(), **{f"OMPI_MCA_{name}": str(value) for name, value in settings.items()}}
    return subprocess.run(mpirun_command(ranks, *arguments), env=variables, capture_output=True, text=True, timeout=timeout)


def reports(run):
    """What --json printed, one object a file."""
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def simulate(job, schedule, output, base="", settings=()):
    """Writes a schedule file; False where the schedule refuses the job (exit code 2, with its reason)."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        command = [os.path.join(BIN, "bigmac-sim"), "run", file.name, "--schedule", schedule, "-o", output]
        command += ["--base", base] if base else []
        for setting in settings:
            command += ["--set", setting]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode not in (0, 2, 4):
        raise SystemExit(f"{command} ended with {run.returncode}: {run.stderr}")
    return run.returncode == 0


def schedules():
    listed = subprocess.run([os.path.join(BIN, "bigmac-sim"), "list", "--json"], capture_output=True, text=True, check=True)
    return json.loads(listed.stdout)
