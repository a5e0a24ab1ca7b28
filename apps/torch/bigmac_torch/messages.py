"""Values sent between ranks, in an order that cannot deadlock and that needs no tags (nccl has none).

Each ordered pair of ranks that has something to say gets a process group of its own, so its messages are one stream: in the
order in which the sender makes them. A receiver knows that order from the schedule, and posts its receives in it, up
to the message that it needs. Sends are never waited for before the end of a step, so a rank stands still only before an
operation whose input is not there; its maker comes earlier in the order that load_schedule() proved to come to an end,
and every earlier message of the same stream has its receive posted by then. So some rank can always go on.
"""
from typing import Dict, List

import torch
import torch.distributed as dist

from .schedule import Schedule, Value


def _streams(schedule: Schedule) -> Dict[tuple, List[Value]]:
    """By (sender, receiver): the values, in the order in which the sender makes them."""
    readers: Dict[Value, List[int]] = {}
    for rank, ops in enumerate(schedule.ops):
        for op in ops:
            for value in schedule.reads(op):
                if rank not in readers.setdefault(value, []):
                    readers[value].append(rank)
    out: Dict[tuple, List[Value]] = {}
    for rank, ops in enumerate(schedule.ops):
        for op in ops:
            for value in schedule.makes(op):
                for reader in readers.get(value, []):
                    if reader != rank:
                        out.setdefault((rank, reader), []).append(value)
    return dict(sorted(out.items()))


class Mailbox:
    """One rank's messages of one schedule; reset() before each step. `shape_of(value)`: (shape, dtype) of what comes."""

    def __init__(self, schedule: Schedule, rank: int, device, shape_of):
        self._rank, self._device, self._shape_of = rank, device, shape_of
        self._streams = _streams(schedule)
        # Collective: every rank makes every group, in the same order.
        self._groups = {pair: dist.new_group(list(pair)) for pair in self._streams}
        self._source = {value: pair[0] for pair, values in self._streams.items() if pair[1] == rank for value in values}
        self._readers: Dict[Value, List[int]] = {}
        for (sender, receiver), values in self._streams.items():
            if sender == rank:
                for value in values:
                    self._readers.setdefault(value, []).append(receiver)
        self._greet()
        self.reset()

    def _greet(self):
        """One message through each group. nccl builds a group's communicator at its first message, and both ranks stand
        still meanwhile; here all ranks do it in the same order, so nobody waits in a circle."""
        for (sender, receiver), group in self._groups.items():
            tensor = torch.zeros(1, device=self._device)
            if sender == self._rank:
                dist.isend(tensor, receiver, group=group).wait()
            elif receiver == self._rank:
                dist.irecv(tensor, sender, group=group).wait()

    def reset(self):
        self._posted = {sender: 0 for sender, receiver in self._streams if receiver == self._rank}
        self._arriving: Dict[Value, tuple] = {}
        self._leaving: List[tuple] = []

    def send(self, value: Value, tensor: torch.Tensor):
        """To every other rank that reads it; the tensor must not change afterwards."""
        self._leaving = [(work, kept) for work, kept in self._leaving if not work.is_completed()]
        for receiver in self._readers.get(value, []):
            tensor = tensor.contiguous()
            self._leaving.append((dist.isend(tensor, receiver, group=self._groups[self._rank, receiver]), tensor))

    def comes_from_afar(self, value: Value) -> bool:
        return value in self._source

    def receive(self, value: Value) -> torch.Tensor:
        source = self._source[value]
        stream = self._streams[source, self._rank]
        while value not in self._arriving:
            self._post(source, stream[self._posted[source]])
            self._posted[source] += 1
        work, tensor = self._arriving.pop(value)
        work.wait()
        return tensor

    def _post(self, source: int, value: Value):
        shape, dtype = self._shape_of(value)
        tensor = torch.empty(shape, dtype=dtype, device=self._device)
        self._arriving[value] = (dist.irecv(tensor, source, group=self._groups[source, self._rank]), tensor)

    def finish(self):
        """At the end of a step: every send has been taken."""
        for work, _ in self._leaving:
            work.wait()
        self._leaving = []
