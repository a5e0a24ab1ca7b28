"""Records real processes and reads what the recorder wrote. Usage: capture_test.py BIN-FOLDER

Every scenario is run bare and recorded: standard output and exit status must be the same. No GPU is needed: libcuda and libcupti are
stand-ins (fake_cuda.cpp, fake_cupti.cpp), NVTX is the real one where its headers were found.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile

BIN = os.path.realpath(sys.argv[1])
STAND_INS = os.path.join(os.path.dirname(BIN), "stand-ins")
PROFILE = os.path.join(BIN, "bigmac-profile")
INJECT = os.path.join(os.path.dirname(BIN), "lib", "libbigmac_inject.so")
WORK = tempfile.mkdtemp()
failures = []


def check(condition, text):
    if not condition:
        failures.append(text)
        print("FAIL:", text)


def run(command, environment=None, **options):
    env = {**os.environ, **(environment or {})}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, **options)


class Trace:
    """The lines of one recording, names resolved."""

    def __init__(self, path):
        self.path, self.names, self.lines = path, {}, []
        with open(path, encoding="utf-8") as file:
            self.header = json.loads(file.readline())
            for text in file:
                line = json.loads(text)
                if line[0] == "name":
                    check(line[1] == len(self.names), f"{path}: name {line[1]} out of order")
                    self.names[line[1]] = line[2]
                else:
                    self.lines.append(line)

    def of(self, word):
        return [line for line in self.lines if line[0] == word]

    def named(self, word, name, at):
        return [line for line in self.of(word) if self.names[line[at]] == name]


def record(host, scenario, arguments=(), options=(), environment=None, same=True):
    """Runs it bare, then recorded; returns the recordings and the summary that was printed."""
    command = [os.path.join(BIN, host), scenario, *arguments]
    folder = tempfile.mkdtemp(dir=WORK)
    bare = run(command, environment)
    recorded = run([PROFILE, "run", "-o", folder, "--json", *options, "--", *command], environment)
    if same:
        check(recorded.stdout == bare.stdout, f"{host} {scenario}: stdout changed: {recorded.stdout!r}")
    code = bare.returncode if bare.returncode >= 0 else 128 - bare.returncode
    check(recorded.returncode == code, f"{host} {scenario}: exit {recorded.returncode}, bare {code}")
    summary = json.loads(recorded.stderr.splitlines()[-1]) if recorded.stderr else {}
    check(not [n for n in os.listdir(folder) if n.endswith(".part")], f"{host} {scenario}: unfinished file left")
    traces = [Trace(os.path.join(folder, name)) for name in sorted(os.listdir(folder))]
    return traces, summary, recorded.stderr


def threads_and_domains(host):
    (trace,), _, _ = record(host, "threads", environment={"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "8"})
    check((trace.header["rank"], trace.header["local_rank"], trace.header["world_size"]) == (3, 1, 8), "ranks in the header")
    forward, attention = trace.named("range", "forward", 4), trace.named("range", "attention", 4)
    check(len(forward) == 400 and len(attention) == 400, f"{host}: {len(forward)} forward, {len(attention)} attention of 400")
    check({trace.names[r[5]] for r in attention} == {"layers"}, "the domain's name")
    check(sorted({r[7] for r in attention}) == list(range(100)), "payloads")
    check(len({r[3] for r in forward}) == 4, "one thread id for each of four threads")
    check(len(trace.of("thread")) == 4, "thread names")
    check(all(r[1] <= r[2] for r in trace.of("range")), "ranges end after they start")
    (crossing,) = trace.of("process_range")
    check(trace.names[crossing[4]] == "crossing" and crossing[3] != crossing[6], "a range across threads keeps both")
    check(len(trace.of("mark")) == 1 and trace.lines[-1][0] == "end" and trace.lines[-1][3] == "exit", "mark and end")


def exits(host):
    (trace,), _, _ = record(host, "os_exit")
    check(len(trace.of("range")) == 100 and trace.lines[-1][3] == "lost", f"{host}: os._exit: {len(trace.of('range'))} of 100 ranges")
    (trace,), _, _ = record(host, "killed")
    check(len(trace.of("range")) == 20 and trace.lines[-1][3] == "lost", f"{host}: killed")
    traces, _, _ = record(host, "forks", same=False)
    check(len(traces) == 1 and len(traces[0].of("range")) == 40, f"{host}: the forked child records nothing, its parent goes on")
    traces, _, _ = record(host, "execs")
    check(sorted(len(t.of("range")) for t in traces) == [6, 800], f"{host}: before and after exec")
    (trace,), _, _ = record(host, "open")
    check([trace.names[r[4]] for r in trace.of("open")] == ["never ended", "nor this"], f"{host}: open ranges")
    traces, _, _ = record(host, "nothing")
    check(not traces, "a program without NVTX leaves no file")


def odd_input(host):
    (trace,), _, _ = record(host, "odd")
    names = [trace.names[r[4]] for r in trace.of("range")]
    check(sum(n.startswith("broken") and "\ufffd" in n and '"quoted" \\ \n\t\x01 end' in n for n in names) == 1, f"{host}: invalid UTF-8")
    check("wide \u00e9 \U0001F680" in names and "registered" in names, f"{host}: wide and registered names")
    (registered,) = trace.named("range", "registered", 4)
    check(trace.names[registered[5]] == 'odd "domain"' and registered[7] == 0.25, f"{host}: domain and payload")
    check(max(map(len, names)) == 4096, f"{host}: long names are cut")
    check(sum(n == "deep" for n in names) == 4096, f"{host}: nesting is bounded")
    check(sum(d[1] for d in trace.of("dropped")) == 10000 - 4096, f"{host}: what was too deep is counted")


def windows():
    (trace,), _, _ = record("nvtx-host", "steps", options=("--steps", "5:10"))
    names = [trace.names[r[4]] for r in trace.of("range")]
    check([n for n in names if n.startswith("step ")] == [f"step {i}" for i in range(5, 11)], f"steps 5:10 kept {names}")
    check(len(names) == 12 and len(trace.of("step")) == 20, "what lies in the steps; 'stepper' is no step")
    _, _, text = record("nvtx-host", "steps", options=("--steps", "5:10", "--step-range", "iteration"))
    check("no range named 'iteration'" in text, "a step range that never came is said")


def volume():
    (trace,), _, _ = record("nvtx-host", "many", ("100000",))
    got = len(trace.of("range")) + sum(d[1] for d in trace.of("dropped"))
    check(got == 100000, f"every range is recorded or counted: {got}")
    names = [trace.names[r[4]] for r in trace.of("range")]
    check(len(set(names)) == len(names) > 0, "no name is taken for another")  # the table's clearing: capture_lines_test.cpp
    (trace,), _, _ = record("nvtx-host", "short_threads", ("300",))
    check(len(trace.of("range")) == 300 and len({r[3] for r in trace.of("range")}) > 1, "short threads")


def bad_places():
    host = os.path.join(BIN, "nvtx-host")
    blocked = os.path.join(WORK, "a file")
    open(blocked, "w").close()
    result = run([PROFILE, "run", "-o", blocked, "--", host, "threads"])
    check(result.returncode == 2 and "folder" in result.stderr and not result.stdout, "a folder that is a file: refused before the run")
    result = run([PROFILE, "run", "-o", WORK, "--", "/no/such/program"])
    check(result.returncode == 2 and "cannot be started" in result.stderr, "no such program")
    result = run([PROFILE, "run", "-o", WORK, "--steps", "7:3", "--", host, "threads"])
    check(result.returncode == 2 and "FIRST:LAST" in result.stderr, "bad steps")
    # Without the launcher's checks: the recorder itself must cope.
    variables = {"NVTX_INJECTION64_PATH": INJECT, "CUDA_INJECTION64_PATH": INJECT}
    result = run([host, "threads"], {**variables, "BIGMAC_TRACE_DIR": blocked})
    check(result.returncode == 7 and result.stdout == "threads done\n" and "nothing is recorded" in result.stderr, "unwritable folder")
    result = run([host, "threads"], variables)
    check(result.returncode == 7 and result.stderr == "", "no folder: silent")
    if os.geteuid() != 0:
        locked = os.path.join(WORK, "locked")
        os.mkdir(locked, 0o555)
        result = run([host, "threads"], {**variables, "BIGMAC_TRACE_DIR": locked})
        check(result.returncode == 7 and "Permission denied" in result.stderr, "read-only folder")
    # A file size limit raises SIGXFSZ in whoever writes; the host must not notice.
    limited = os.path.join(WORK, "limited")
    os.mkdir(limited)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    result = run([host, "many", "20000"], {**variables, "BIGMAC_TRACE_DIR": limited}, preexec_fn=limit)
    check(result.returncode == 0 and "the recording stops here" in result.stderr, f"size limit: {result.returncode} {result.stderr}")
    (name,) = os.listdir(limited)
    check(not name.endswith(".part") and len(Trace(os.path.join(limited, name)).of("range")) > 0, "whole lines only before the limit")


def full_disk():
    """A real one, where we may mount: 64 KiB of memory."""
    folder = os.path.join(WORK, "tiny")
    os.mkdir(folder)
    if os.geteuid() != 0 or run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).returncode != 0:
        print("skipped: a full disk (cannot mount here)")
        return
    try:
        result = run([os.path.join(BIN, "nvtx-host"), "many", "20000"], {"NVTX_INJECTION64_PATH": INJECT, "BIGMAC_TRACE_DIR": folder})
        check(result.returncode == 0 and "No space left" in result.stderr, f"full disk: {result.returncode} {result.stderr}")
        Trace(os.path.join(folder, os.listdir(folder)[0]))
    finally:
        run(["umount", folder])


def gpu_stand_ins():
    cupti = os.path.join(STAND_INS, "libcupti.so.13")
    variables = {"LD_LIBRARY_PATH": STAND_INS}
    options = ("--cupti", cupti)

    def gpu(behaviour, scenario="gpu", launches="50", more=()):
        traces, _, text = record("nvtx-host", scenario, (launches,), (*options, *more), {**variables, "FAKE_CUPTI": behaviour})
        check(len(traces) == 1, f"gpu {behaviour}: {len(traces)} recordings")
        return traces[0], text

    trace, _ = gpu("")
    kernels = trace.named("kernel", "gemm_kernel", 6)
    calls = {c[4]: c for c in trace.of("call")}
    check(len(kernels) == 100 and len(calls) == 101, f"{len(kernels)} kernels, {len(calls)} calls")
    ranges = trace.of("range")
    inside = [any(r[3] == calls[k[5]][3] and r[1] <= calls[k[5]][1] <= r[2] for r in ranges) for k in kernels]
    check(all(inside), f"one clock, one thread id: {sum(inside)} of 100 launches lie in their thread's range")
    check(all(k[3:5] == [0, 7] and k[9:] == [[4, 2, 1], [128, 1, 1], 40, 3072] for k in kernels), "a kernel's details")
    (captured,) = trace.named("kernel", "captured_kernel", 6)
    nodes = {n[1]: n for n in trace.of("node")}
    check(nodes[captured[8]][4] in nodes, "a graph's node leads to the one it was cloned from")
    (sync,) = trace.of("sync")
    check(sync[1] == "stream_wait" and sync[4:6] == [8, 7] and sync[6] == sync[2] - 1, f"a wait names what was recorded: {sync}")
    check([m[4] for m in trace.of("memory")] == [4096, -4096] and trace.of("device")[0][2] == "Fake GPU", "memory, device")
    check(trace.of("driver") == [["driver", 13000, 130001]], "versions")
    result = run([PROFILE, "import", trace.path])
    check(result.returncode == 0, f"our own reader takes it: {result.stderr}")
    # 100 kernels of 10 us in step ranges, one of a graph outside them: the attribution finds each by its launch.
    result = run([PROFILE, "layers", trace.path, "--layer", "^step=llm/transformer"])
    check("layer by range of the launching thread: 99.01 %" in result.stdout, f"attributed: {result.stdout}{result.stderr}")
    trace, _ = gpu("broken")
    check(len(trace.of("kernel")) == 81 and sum(d[1] for d in trace.of("dropped")) == 20, "broken records are dropped and counted")
    trace, _ = gpu("own_clock")
    check(len(trace.of("kernel")) == 101 and abs(trace.of("kernel")[0][1]) < 10**9, "CUPTI's own clock is brought to ours")
    for behaviour, words in (("held", "held by CUPTI for other-tool"), ("no_driver", "no working driver"), ("stolen", "torch.profiler")):
        trace, text = gpu(behaviour)
        check(not trace.of("kernel") and len(trace.of("range")) == 100 and words in text, f"{behaviour}: NVTX only, and said: {text}")
    trace, _ = gpu("", "gpu_lost", "500")
    check(len(trace.of("kernel")) == 1001 and trace.lines[-1][3] == "lost", f"os._exit after a flush: {len(trace.of('kernel'))}")
    trace, _ = gpu("", more=("--steps", "20:39"))
    # Two threads share the steps: while one closes the window the other may launch on.
    check(0 < len(trace.of("kernel")) < 90, f"kernels of 20 steps only, of 101: {len(trace.of('kernel'))}")
    trace, _ = gpu("", launches="30000")
    total = len(trace.of("kernel")) + sum(d[1] for d in trace.of("dropped"))
    check(len(trace.of("kernel")) > 50000, f"several buffers: {total}")


def real_cupti_without_a_driver():
    path = "/usr/local/cuda/lib64/libcupti.so.13"
    if not os.path.exists(path) or os.path.exists("/dev/nvidiactl"):
        print("skipped: the real libcupti without a driver (not installed, or there is a driver)")
        return
    folder = os.path.join(WORK, "cuda only")
    os.mkdir(folder)
    os.symlink(os.path.join(STAND_INS, "libcuda.so.1"), os.path.join(folder, "libcuda.so.1"))
    traces, _, text = record("nvtx-host", "gpu", ("20",), ("--cupti", path), {"LD_LIBRARY_PATH": folder})
    check(len(traces[0].of("range")) == 40 and "GPU not recorded" in text, f"the real libcupti: {text}")


def compressed():
    import gzip
    folder = os.path.join(WORK, "gz")
    result = run([PROFILE, "run", "-o", folder, "--gzip", "--", os.path.join(BIN, "nvtx-host"), "steps"])
    (name,) = os.listdir(folder)
    check(result.returncode == 0 and name.endswith(".trace.jsonl.gz"), f"--gzip: {name}")
    with gzip.open(os.path.join(folder, name), "rt") as file:
        check(json.loads(file.readline())["schema"] == "bigmac.trace/1", "the compressed recording is whole")


try:
    hosts = [h for h in ("nvtx-host", "nvtx-host-real") if os.path.exists(os.path.join(BIN, h))]
    if "nvtx-host-real" not in hosts:
        print("skipped: NVTX's own headers (not installed); our client of its protocol is used")
    for h in hosts:
        threads_and_domains(h)
        exits(h)
        odd_input(h)
    windows()
    volume()
    bad_places()
    full_disk()
    gpu_stand_ins()
    real_cupti_without_a_driver()
    compressed()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
sys.exit(1 if failures else 0)
