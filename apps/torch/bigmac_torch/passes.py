"""One pass: a module working on one microbatch, from its F to the end of its backward.

A module that is an nn.Sequential is a chain of slices, so that an operation can be cut: part k of n runs slices
[Uk/n, U(k+1)/n) of U, forwards in F and R, backwards in B and I. Any other module is one slice, run by the last part. Slices are separate pieces of the autograd graph, joined by hand.
"""
from typing import List, Optional

import torch
from torch import nn


def slices_of(module: nn.Module) -> List[nn.Module]:
    return list(module) if isinstance(module, nn.Sequential) else [module]


def part_of(count: int, op) -> range:
    return range(count * op.part // op.parts, count * (op.part + 1) // op.parts)


def _leaf(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().requires_grad_(tensor.is_floating_point())


class _RandomState:
    """So that R draws what F drew (dropout), as torch.utils.checkpoint does."""

    def __init__(self, device):
        self._cuda = [device] if device.type == "cuda" else []
        self._states = (torch.get_rng_state(), [torch.cuda.get_rng_state(d) for d in self._cuda])

    def restore(self):
        torch.set_rng_state(self._states[0])
        for device, state in zip(self._cuda, self._states[1]):
            torch.cuda.set_rng_state(state, device)


class Pass:
    """`keep` false: F builds no graph and keeps the inputs only; recompute() must come before backward()."""

    def __init__(self, module: nn.Module, sample, inputs: List[torch.Tensor], device, keep: bool):
        self._slices, self._sample, self._inputs = slices_of(module), sample, inputs
        self._device, self._keep = device, keep
        self._drawn: List[_RandomState] = []  # before each slice, where they are to run again
        self._leaves: List[List[torch.Tensor]] = []
        self._outputs: List[Optional[torch.Tensor]] = []
        self.loss: Optional[torch.Tensor] = None  # a root of the backward besides the output
        self.gradients: List[Optional[torch.Tensor]] = [None]  # between parts of a backward
        self.deferred: list = []  # what I leaves for W

    def __len__(self):
        return len(self._slices)

    def _run(self, index: int, graph: bool):
        leaves = [_leaf(x) for x in (self._inputs if index == 0 else self._outputs[-1:])]
        with torch.set_grad_enabled(graph):
            out = self._slices[index](self._sample, *leaves) if index == 0 else self._slices[index](*leaves)
        self._leaves.append(leaves)
        self._outputs.append(out)

    def forward(self, slices: range) -> Optional[torch.Tensor]:
        """Runs some slices; gives the chain's output once its last has run."""
        for index in slices:
            if not self._keep:
                self._drawn.append(_RandomState(self._device))
            self._run(index, self._keep)
        if len(self._outputs) < len(self):
            return None
        out = self._outputs[-1]
        if not self._keep:
            self._leaves, self._outputs = [], []
        return out

    def recompute(self) -> torch.Tensor:
        now = _RandomState(self._device)
        for index, drawn in enumerate(self._drawn):
            drawn.restore()
            self._run(index, graph=True)
        now.restore()
        return self._outputs[-1]

    def backward(self, slices: range, gradient: Optional[torch.Tensor], scale: float) -> List[torch.Tensor]:
        """Slices counted from the last one; gives the gradients of the inputs of the last slice that it ran."""
        gradients = [gradient]
        for back in slices:
            index = len(self) - 1 - back
            roots = [(self._outputs[index], gradients[0])] if gradients[0] is not None else []
            if back == 0 and self.loss is not None:
                roots.append((self.loss, torch.full_like(self.loss, scale)))
            torch.autograd.backward([root for root, _ in roots], [seed for _, seed in roots])
            gradients = [torch.zeros_like(x) if x.grad is None else x.grad for x in self._leaves[index]]
            self._leaves[index], self._outputs[index] = [], None
        return gradients
