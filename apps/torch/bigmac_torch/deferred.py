"""Backward in two halves: I now, W later (Qi et al. 2023, 2401.10241).

While a queue is open, a linear layer's backward gives the gradient of its input only and leaves the product for its weight
in the queue; W runs the queue. Weights of other layers (norms, convolutions) get their gradient with I, as in the
zero-bubble reference: gradients are the same in any case, only the time at which they are computed moves.
"""
import types
from typing import Callable, List, Optional

import torch
from torch import nn


class Queue:
    """Where linear layers of one rank leave their weights' gradients; None: nowhere, they compute them at once."""

    def __init__(self):
        self.open: Optional[List[Callable[[], None]]] = None


def _add(parameter: nn.Parameter, gradient: torch.Tensor):
    if parameter.requires_grad:
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, queue):
        ctx.save_for_backward(x, weight)
        ctx.parameters, ctx.queue = (weight, bias), queue
        return nn.functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensors
        dx = dy.matmul(weight) if ctx.needs_input_grad[0] else None
        rows, gradients = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        has_bias = ctx.parameters[1] is not None
        if ctx.queue.open is None:
            return dx, gradients.t().matmul(rows), gradients.sum(0) if has_bias else None, None
        weight, bias = ctx.parameters

        def later():
            with torch.no_grad():
                _add(weight, gradients.t().matmul(rows))
                if has_bias:
                    _add(bias, gradients.sum(0))

        ctx.queue.open.append(later)
        return dx, None, None, None


def defer_weight_gradients(module: nn.Module, queue: Queue) -> None:
    """Lets every nn.Linear in `module` leave its weight's gradient in `queue` while that is open."""
    for layer in module.modules():
        if type(layer) is nn.Linear:  # subclasses may compute something else
            layer.forward = types.MethodType(lambda self, x: _Linear.apply(x, self.weight, self.bias, queue), layer)
