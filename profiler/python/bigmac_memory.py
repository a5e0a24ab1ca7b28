"""GPU memory and NVTX ranges of a PyTorch model, layer by layer: one file, to be copied beside a training script.

    from bigmac_memory import MemoryRecorder
    with MemoryRecorder(model, "memory.jsonl") as recorder:
        for batch in batches:                      # a few steps are enough
            recorder.step()
            loss(model(batch)).backward()

Module hooks read PyTorch's caching allocator when a layer's forward, recomputation or backward begins and ends. Each pass becomes one line:

    {"step": 0, "layer": "model.layers.3", "phase": "forward", "before": B, "after": A, "peak": P, "reserved": R, "ns": DURATION}

bytes on this process's GPU; `after - before` is what the pass leaves behind (a forward: what is saved for the backward, and its output), `peak -
max(before, after)` what it needed only while it ran. The first line is a header with schema "bigmac.memory/1". Reading the allocator does not
wait for the GPU, but the hooks cost time on the host: take times in another run.

`layer_ranges(model)` instead only opens NVTX ranges ("layer:llm/transformer model.layers.3", and "... backward"), for bigmac-profile run.
"""
import json
import os
import time


class CudaCounters:
    """PyTorch's allocator. Any object with these four methods will do: the tests have one without a GPU."""

    def __init__(self, device=None):
        import torch
        self._cuda, self._device = torch.cuda, device

    def allocated(self):
        return self._cuda.memory_allocated(self._device)

    def reserved(self):
        return self._cuda.memory_reserved(self._device)

    def peak(self):
        return self._cuda.max_memory_allocated(self._device)

    def reset_peak(self):
        self._cuda.reset_peak_memory_stats(self._device)

    def describe(self):
        return self._cuda.get_device_name(self._device)


def layers_of(model):
    """(name, module) of what counts as a layer: the outermost members of ModuleLists and Sequentials, and the modules beside them that
    hold parameters and no such list (embeddings, norms, heads)."""
    import torch
    lists = (torch.nn.ModuleList, torch.nn.Sequential)
    found = []

    def holds_list(module):
        return any(isinstance(m, lists) for m in module.modules())

    def visit(prefix, module):
        for name, child in module.named_children():
            path = f"{prefix}.{name}" if prefix else name
            if isinstance(module, lists) or not holds_list(child):
                if any(True for _ in child.parameters()):
                    found.append((path, child))
            else:
                visit(path, child)

    visit("", model)
    return found


class _Pass:
    __slots__ = ("before", "peak", "began")

    def __init__(self, before, began):
        self.before, self.peak, self.began = before, before, began


class _Hooks:
    """Calls begin(layer, phase) and end(layer, phase) around forward, recomputation and backward of every layer."""

    def __init__(self, layers, begin, end):
        self._begin, self._end, self._handles = begin, end, []
        self._backward = set()  # layers whose backward is under way
        self._forward = {}      # layer -> phases of its open forwards
        for name, module in layers:
            self._attach(name, module)

    def _attach(self, name, module):
        hold = self._handles.append
        hold(module.register_forward_pre_hook(lambda *_: self._forward_begins(name)))
        hold(module.register_forward_hook(lambda *_: self._forward_ends(name)))
        # Before PyTorch 2.0 there is no hook at a backward's beginning: then backward passes are not seen, nor recomputation told apart.
        if hasattr(module, "register_full_backward_pre_hook"):
            hold(module.register_full_backward_pre_hook(lambda *_: self._backward_begins(name)))
            hold(module.register_full_backward_hook(lambda *_: self._backward_ends(name)))

    def _forward_begins(self, name):
        phase = "recompute" if self._backward else "forward"  # a forward inside a backward
        self._forward.setdefault(name, []).append(phase)
        self._begin(name, phase)

    def _forward_ends(self, name):
        if self._forward.get(name):
            self._end(name, self._forward[name].pop())

    def _backward_begins(self, name):
        self._backward.add(name)
        self._begin(name, "backward")

    def _backward_ends(self, name):
        if name in self._backward:  # a module may be called twice and its hook fire twice
            self._backward.discard(name)
            self._end(name, "backward")

    def settle(self):
        """A step is over: a layer whose inputs need no gradient never hears that its backward ended."""
        for name in sorted(self._backward):
            self._end(name, "backward")
        self._backward.clear()
        self._forward.clear()

    def remove(self):
        for handle in self._handles:
            handle.remove()
        self._handles = []


class MemoryRecorder:
    """Writes `path` as lines; complete, and under its name, when closed."""

    def __init__(self, model, path, layers=None, counters=None, clock=time.monotonic_ns):
        self._path, self._clock = path, clock
        self._counters = counters or CudaCounters()
        self._open, self._step = {}, 0
        self._file = open(path + ".part", "w", encoding="utf-8")
        header = {"schema": "bigmac.memory/1", "pid": os.getpid(), "device": self._counters.describe()}
        for key in ("RANK", "LOCAL_RANK", "WORLD_SIZE"):
            if os.environ.get(key, "").isdigit():
                header[key.lower()] = int(os.environ[key])
        self._write(header)
        self._counters.reset_peak()
        self._hooks = _Hooks(layers if layers is not None else layers_of(model), self._begin, self._end)
        self._started = False

    def step(self):
        """Call at the beginning of every step."""
        if self._started:
            self._hooks.settle()
            self._open.clear()
            self._step += 1
        self._started = True

    def close(self):
        if self._file is None:
            return
        self._hooks.settle()
        self._hooks.remove()
        self._file.close()
        self._file = None
        os.replace(self._path + ".part", self._path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _write(self, record):
        self._file.write(json.dumps(record) + "\n")

    def _raise_peaks(self):
        """The allocator has one peak; passes nest. Whoever is open was at least this high; then it counts anew."""
        peak = self._counters.peak()
        for opened in self._open.values():
            opened.peak = max(opened.peak, peak)
        self._counters.reset_peak()

    def _begin(self, layer, phase):
        self._raise_peaks()
        self._open[layer, phase] = _Pass(self._counters.allocated(), self._clock())

    def _end(self, layer, phase):
        self._raise_peaks()
        opened = self._open.pop((layer, phase), None)
        if opened is None:
            return
        self._write({"step": self._step, "layer": layer, "phase": phase, "before": opened.before, "after": self._counters.allocated(),
                     "peak": opened.peak, "reserved": self._counters.reserved(), "ns": self._clock() - opened.began})


def layer_ranges(model, kind_of=lambda name: "llm/transformer", layers=None, nvtx=None):
    """NVTX ranges around every layer's passes, named for bigmac-profile's attribution. Returns the hooks; remove() ends them. Start/end
    ranges: the passes of one thread need not nest."""
    if nvtx is None:
        import torch
        nvtx = torch.cuda.nvtx
    open_ranges = {}

    def begin(layer, phase):
        suffix = "" if phase == "forward" else " " + phase
        open_ranges[layer, phase] = nvtx.range_start(f"layer:{kind_of(layer)} {layer}{suffix}")

    def end(layer, phase):
        if (layer, phase) in open_ranges:
            nvtx.range_end(open_ranges.pop((layer, phase)))

    return _Hooks(layers if layers is not None else layers_of(model), begin, end)
