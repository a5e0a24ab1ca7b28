"""Runs the commands of the guides as written, and compares what they print.

In a ```console block a line "$ COMMAND" is run in the guide's own folder, which holds configs, examples and
build/release/bin as a checkout does. The lines below it must be what it prints, one after the other; "..." stands for
any lines. ```console gpu is run where there is a GPU. A ```python block is run as a program.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

bin_folder, source = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
failed = False


def complain(guide, text):
    global failed
    failed = True
    print(f"FAIL: {guide.name}: {text}")


def matches(expected, printed):
    """Whether the expected lines follow one another in what was printed; '...' skips."""
    at, free = 0, False
    for line in expected:
        if line.strip() == "...":
            free = True
            continue
        while at < len(printed) and free and printed[at].rstrip() != line.rstrip():
            at += 1
        if at == len(printed) or printed[at].rstrip() != line.rstrip():
            return line
        at, free = at + 1, False
    return None


def run(guide, command, expected, folder, environment):
    result = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        complain(guide, f"$ {command}\nended with {result.returncode}: {result.stdout}")
    missing = matches(expected, result.stdout.splitlines())
    if missing is not None:
        complain(guide, f"$ {command}\ndid not print: {missing}\nbut:\n{result.stdout}")


def python_with_numpy():
    """A python3 that can import the module, or None where the module was not built."""
    if not (bin_folder.parent / "python/bigmac").is_dir():
        return None
    able = (p for p in ("python3", "/usr/bin/python3") if not subprocess.run([p, "-c", "import numpy"], capture_output=True).returncode)
    return next(able, None)


python = python_with_numpy()


def blocks(text):
    return re.findall(r"^```(console gpu|console|python)\n(.*?)^```", text, re.M | re.S)


def run_guide(guide):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "build/release").mkdir(parents=True)
        (folder / "build/release/bin").symlink_to(bin_folder)
        (folder / "build/release/python").symlink_to(bin_folder.parent / "python")
        for name in ("configs", "examples", "tests"):
            (folder / name).symlink_to(source / name)
        environment = dict(os.environ, BUILD=str(bin_folder.parent), OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        for kind, text in blocks(guide.read_text()):
            if kind == "python":
                (folder / "snippet.py").write_text(text)
                if python:
                    run(guide, f"PYTHONPATH=build/release/python {python} snippet.py", [], folder, environment)
                else:
                    print(f"{guide.name}: the Python block was passed over: the module was not built, or there is no numpy")
                continue
            if kind == "console gpu" and not pathlib.Path("/dev/nvidia0").exists():
                print(f"{guide.name}: a block was passed over: there is no GPU")
                continue
            commands = re.split(r"^\$ ", text, flags=re.M)[1:]
            for command in commands:
                first, *expected = command.splitlines()
                if first.startswith("mpirun") and not (bin_folder / "bigmac-run").exists():
                    print(f"{guide.name}: passed over, bigmac-run was not built: {first}")
                    continue
                run(guide, first, expected, folder, environment)
        return len(blocks(guide.read_text()))


guides = sorted((source / "docs/guide").glob("[0-9]*.md"))
for guide in guides:
    if run_guide(guide) == 0:
        complain(guide, "holds no command")
    print(f"{guide.name} ran")
if len(guides) < 3:
    print("FAIL: guides are missing")
    failed = True
sys.exit(failed)
