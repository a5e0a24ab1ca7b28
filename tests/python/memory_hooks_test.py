"""The logic of profiler/python/bigmac_memory.py, on the CPU: the allocator is a stand-in. Usage: memory_hooks_test.py SOURCE"""
import json
import os
import sys
import tempfile
import unittest

SOURCE = os.path.realpath(sys.argv.pop(1))
sys.path.insert(0, os.path.join(SOURCE, "profiler", "python"))
import bigmac_memory  # noqa: E402

import torch  # noqa: E402


class Allocator:
    """Counts what the test tells it to."""

    def __init__(self):
        self.now = self.most = 0

    def use(self, size):
        self.now += size
        self.most = max(self.most, self.now)

    def allocated(self):
        return self.now

    def reserved(self):
        return 10 * self.now

    def peak(self):
        return self.most

    def reset_peak(self):
        self.most = self.now

    def describe(self):
        return "stand-in"


class Layer(torch.nn.Module):
    """Keeps 100, needs 30 more while it runs."""

    def __init__(self, allocator):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.allocator = allocator

    def forward(self, x):
        self.allocator.use(130)
        self.allocator.use(-30)
        return x * self.weight


class Model(torch.nn.Module):
    def __init__(self, allocator):
        super().__init__()
        self.embed = torch.nn.Linear(1, 1)
        self.body = torch.nn.Module()
        self.body.layers = torch.nn.ModuleList(Layer(allocator) for _ in range(3))

    def forward(self, x):
        x = self.embed(x)
        for layer in self.body.layers:
            x = layer(x)
        return x


class FakeHook:
    """A module with PyTorch 2's hooks, for those that the installed version lacks."""

    def __init__(self):
        self.hooks = {}

    def __getattr__(self, name):
        if not name.startswith("register_"):
            raise AttributeError(name)

        def register(hook):
            self.hooks[name] = hook
            return self
        return register

    def remove(self):
        self.hooks = {}

    def call(self, name):
        self.hooks[f"register_{name}_hook"](self)


class MemoryHooks(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "memory.jsonl")
        self.allocator = Allocator()

    def tearDown(self):
        self.folder.cleanup()

    def lines(self):
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_layers_are_members_of_lists_and_what_stands_beside_them(self):
        names = [name for name, _ in bigmac_memory.layers_of(Model(self.allocator))]
        self.assertEqual(names, ["embed", "body.layers.0", "body.layers.1", "body.layers.2"])

    def test_forward_passes_of_a_real_model(self):
        model = Model(self.allocator)
        os.environ["RANK"] = "3"
        with bigmac_memory.MemoryRecorder(model, self.path, counters=self.allocator) as recorder:
            for _ in range(2):
                recorder.step()
                model(torch.ones(2, 1)).sum().backward()
            self.assertFalse(os.path.exists(self.path), "nothing under its name before it is whole")
        del os.environ["RANK"]
        header, *passes = self.lines()
        self.assertEqual((header["schema"], header["rank"], header["device"]), ("bigmac.memory/1", 3, "stand-in"))
        forward = [p for p in passes if p["phase"] == "forward"]
        self.assertEqual(len(forward), 8)
        first = next(p for p in forward if p["layer"] == "body.layers.1" and p["step"] == 0)
        self.assertEqual((first["before"], first["after"], first["peak"], first["reserved"]), (100, 200, 230, 2000))
        backward = {p["layer"] for p in passes if p["phase"] == "backward"}
        if hasattr(torch.nn.Module, "register_full_backward_pre_hook"):
            self.assertIn("body.layers.2", backward)
        else:
            self.assertEqual(backward, set())
        model(torch.ones(2, 1))
        self.assertEqual(len(self.lines()), 1 + len(passes), "no hook is left behind")

    def passes_of(self, script):
        a, b = FakeHook(), FakeHook()
        recorder = bigmac_memory.MemoryRecorder(None, self.path, layers=[("a", a), ("b", b)], counters=self.allocator, clock=lambda: 0)
        recorder.step()
        script(a, b, recorder)
        recorder.close()
        return [(p["step"], p["layer"], p["phase"], p["after"] - p["before"], p["peak"] - max(p["before"], p["after"])) for p in self.lines()[1:]]

    def test_a_forward_inside_a_backward_is_recomputation(self):
        def script(a, b, _):
            a.call("forward_pre"), self.allocator.use(50), a.call("forward")
            a.call("full_backward_pre")
            a.call("forward_pre"), self.allocator.use(70), self.allocator.use(-20), a.call("forward")
            self.allocator.use(-100), a.call("full_backward")
        self.assertEqual(self.passes_of(script), [(0, "a", "forward", 50, 0), (0, "a", "recompute", 50, 20), (0, "a", "backward", -50, 70)])

    def test_a_peak_inside_a_nested_pass_is_the_outer_ones_too(self):
        def script(a, b, _):
            a.call("forward_pre"), b.call("forward_pre")
            self.allocator.use(500), self.allocator.use(-490)
            b.call("forward"), self.allocator.use(1), a.call("forward")
        self.assertEqual(self.passes_of(script), [(0, "b", "forward", 10, 490), (0, "a", "forward", 11, 489)])

    def test_a_backward_that_never_says_it_ended_ends_with_its_step(self):
        def script(a, b, recorder):
            a.call("full_backward_pre"), self.allocator.use(-5)
            recorder.step()
            a.call("forward_pre"), a.call("forward")
        self.assertEqual(self.passes_of(script), [(0, "a", "backward", -5, 5 - 5), (1, "a", "forward", 0, 0)])

    def test_ends_without_beginnings_are_ignored(self):
        def script(a, b, _):
            a.call("forward"), a.call("full_backward"), b.call("forward_pre")
        self.assertEqual(self.passes_of(script), [])

    def test_ranges_are_named_for_the_attribution(self):
        said = []

        class Nvtx:
            range_start = staticmethod(lambda name: said.append(name) or len(said))
            range_end = staticmethod(lambda number: said.append(number))
        a = FakeHook()
        bigmac_memory.layer_ranges(None, layers=[("model.layers.0", a)], nvtx=Nvtx)
        for name in ("forward_pre", "forward", "full_backward_pre", "full_backward"):
            a.call(name)
        self.assertEqual(said, ["layer:llm/transformer model.layers.0", 1, "layer:llm/transformer model.layers.0 backward", 3])


unittest.main(verbosity=1)
