"""The executor: reads its rank's operations in order, whatever the schedule's name."""
from typing import Callable, Dict, List, Optional

import torch
import torch.distributed as dist
from torch import nn

from .deferred import Queue, defer_weight_gradients
from .messages import Mailbox
from .passes import Pass, part_of
from .schedule import LLM, Op, Schedule, Value


class PipelineRunner:
    """One rank of a pipeline. torch.distributed must be initialised, with as many processes as the schedule has ranks.

    build(module, stage)              the nn.Module of "llm" stage `stage`, or of an encoder or generator (stage 0). Called
                                      for what this rank runs; where several ranks hold the same, the first one's weights
                                      are copied to the others. An nn.Sequential may be cut into parts (passes.py).
        encoder(sample)               -> tensor
        llm stage 0 (sample, *encoded) -> tensor; `encoded` in the order of the job's encoders
        llm stage s (sample, hidden)  -> tensor
        generator(sample, hidden)     -> its loss, a scalar
    signature(module, stage, sample)  (shape, dtype) of what that module hands on for that sample
    loss(sample, hidden)              a loss of the last LLM stage; needed where the job has no generator

    Gradients are those of the mean over microbatches of all losses; they add up in .grad as autograd's do.
    """

    def __init__(self, schedule: Schedule, build: Callable[[str, int], nn.Module], signature: Callable, loss: Optional[Callable] = None,
                 device="cpu"):
        if dist.get_world_size() != schedule.ranks:
            raise ValueError(f"the schedule is for {schedule.ranks} ranks, {dist.get_world_size()} processes run")
        if loss is None and not schedule.generators:
            raise ValueError("a job without generator needs a loss of the last LLM stage")
        self.schedule, self.rank, self.device = schedule, dist.get_rank(), torch.device(device)
        self._signature, self._loss = signature, loss
        self._ops = schedule.ops[self.rank]
        self._queue = Queue()
        self.modules = self._build(build)
        self._mailbox = Mailbox(schedule, self.rank, self.device, self._shape_of)
        self._readers = self._count_readers()
        self._recomputed = {op.pass_key for op in self._ops if op.kind == "R"}
        self._shared = self._share_weights()

    # --- setting up

    def _build(self, build) -> Dict[tuple, nn.Module]:
        out = {}
        for key in sorted({(op.module, op.stage) for op in self._ops}):
            out[key] = build(*key).to(self.device)
            if any(op.kind == "I" and (op.module, op.stage) == key for op in self._ops):
                defer_weight_gradients(out[key], self._queue)
        return out

    def _count_readers(self) -> Dict[Value, int]:
        out: Dict[Value, int] = {}
        for op in self._ops:
            for value in self.schedule.reads(op):
                out[value] = out.get(value, 0) + 1
        return out

    def _share_weights(self) -> Dict[tuple, object]:
        """Groups of ranks that hold the same stage; collective, in one order on all ranks."""
        groups = {key: (ranks, dist.new_group(ranks)) for key, ranks in self.schedule.holders().items() if len(ranks) > 1}
        for key, (ranks, group) in groups.items():
            if self.rank in ranks:
                for tensor in list(self.modules[key].parameters()) + list(self.modules[key].buffers()):
                    dist.broadcast(tensor.data, ranks[0], group=group)
        return groups

    def parameters(self):
        """Of this rank's modules, for an optimizer; frozen encoders' are left out."""
        for (module, _), built in self.modules.items():
            if module not in self.schedule.frozen:
                yield from built.parameters()

    # --- one step

    def step(self, samples: List) -> float:
        """One sample for each microbatch, the same list on every rank. Gives the loss, on every rank."""
        if len(samples) != self.schedule.microbatches:
            raise ValueError(f"expected {self.schedule.microbatches} samples, found {len(samples)}")
        self._samples, self._passes, self._store = samples, {}, {}
        self._unread = dict(self._readers)
        self._total = torch.zeros((), dtype=torch.float64 if self.device.type == "cpu" else torch.float32, device=self.device)
        self._mailbox.reset()
        before = self._put_aside_gradients()
        for op in self._ops:
            {"F": self._forward, "R": self._recompute, "B": self._backward, "I": self._backward, "W": self._weights}[op.kind](op)
        self._mailbox.finish()
        self._add_up_copies(before)
        dist.all_reduce(self._total)
        return self._total.item() / self.schedule.microbatches

    def _shape_of(self, value: Value):
        """Of what comes: an output has its maker's signature, a gradient that of what it is a gradient of."""
        module, stage = value.module, value.stage
        if value.kind == "gradient" and module in self.schedule.generators:
            module, stage = LLM, self.schedule.stages - 1
        elif value.kind == "gradient" and stage == 0:
            module = self.schedule.encoders[value.slot]
        elif value.kind == "gradient":
            stage -= 1
        return self._signature(module, stage, self._samples[value.microbatch])

    def _take(self, op: Op) -> List[torch.Tensor]:
        out = []
        for value in self.schedule.reads(op):
            if value not in self._store:
                self._store[value] = self._mailbox.receive(value)
            out.append(self._store[value])
            self._unread[value] -= 1
            if self._unread[value] == 0:
                del self._store[value]
        return out

    def _give(self, op: Op, tensors: List[torch.Tensor]):
        for value, tensor in zip(self.schedule.makes(op), tensors):
            tensor = tensor.detach()
            self._mailbox.send(value, tensor)
            if self._unread.get(value, 0) > 0:
                self._store[value] = tensor

    def _forward(self, op: Op):
        sample, frozen = self._samples[op.microbatch], op.module in self.schedule.frozen
        if op.part == 0:
            keep = not frozen and op.pass_key not in self._recomputed
            self._passes[op.pass_key] = Pass(self.modules[op.module, op.stage], sample, self._take(op), self.device, keep)
        work = self._passes[op.pass_key]
        out = work.forward(part_of(len(work), op))
        if not op.last_part:
            return
        self._find_loss(op, work, out, count=True)
        if frozen:
            del self._passes[op.pass_key]
        self._give(op, [out])

    def _find_loss(self, op: Op, work: Pass, out: torch.Tensor, count: bool):
        if op.module in self.schedule.generators:
            work.loss = out
        elif op.module == LLM and op.stage + 1 == self.schedule.stages and self._loss is not None:
            work.loss = self._loss(self._samples[op.microbatch], out)
        if work.loss is not None and count:
            self._total += work.loss.detach().to(self._total.dtype)

    def _recompute(self, op: Op):
        if op.last_part:
            work = self._passes[op.pass_key]
            self._find_loss(op, work, work.recompute(), count=False)

    def _backward(self, op: Op):
        work = self._passes[op.pass_key]
        if op.part == 0:
            taken = self._take(op)
            work.gradients = [sum(taken[1:], taken[0])] if taken else [None]
        self._queue.open = work.deferred if op.kind == "I" else None
        slices = part_of(len(work), op)
        if len(slices) > 0:
            work.gradients = work.backward(slices, work.gradients[0], 1.0 / self.schedule.microbatches)
        self._queue.open = None
        if not op.last_part:
            return
        self._give(op, work.gradients)
        if op.kind == "B":
            del self._passes[op.pass_key]

    def _weights(self, op: Op):
        if not op.last_part:
            return
        for later in self._passes.pop(op.pass_key).deferred:
            later()

    def _shared_parameters(self):
        for key, (ranks, group) in self._shared.items():
            if self.rank in ranks and key[0] not in self.schedule.frozen:
                for parameter in self.modules[key].parameters():
                    if parameter.requires_grad:
                        yield parameter, group

    def _put_aside_gradients(self) -> list:
        """What steps before have left on shared stages is a sum over copies already, and must not be added up again."""
        before = []
        for parameter, _ in self._shared_parameters():
            before.append(parameter.grad)
            parameter.grad = None
        return before

    def _add_up_copies(self, before: list):
        for (parameter, group), earlier in zip(self._shared_parameters(), before):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad, group=group)
            if earlier is not None:
                parameter.grad += earlier
