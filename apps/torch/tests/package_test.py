"""What one process can show: I leaves weights to W, R draws what F drew, parts run their slices, bad files are refused."""
import copy
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import torch  # noqa: E402
from torch import nn  # noqa: E402

from bigmac_torch import Op, ScheduleError, defer_weight_gradients  # noqa: E402
from bigmac_torch.deferred import Queue  # noqa: E402
from bigmac_torch.passes import Pass, part_of  # noqa: E402
from bigmac_torch.schedule import Value, parse_schedule  # noqa: E402

CPU = torch.device("cpu")


class First(nn.Linear):
    def forward(self, sample, x):
        return super().forward(x)


class TakesSample(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, _sample, x):
        return self.inner(x)


class Deferring(unittest.TestCase):
    def test_the_weight_gradient_comes_with_W_and_is_autograds(self):
        torch.manual_seed(1)
        plain = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)).double()
        split, queue = copy.deepcopy(plain), Queue()
        defer_weight_gradients(split, queue)
        x = torch.randn(5, 2, 3, dtype=torch.float64)
        plain(x).square().sum().backward()
        queue.open = []
        leaf = x.clone().requires_grad_()
        split(leaf).square().sum().backward()
        jobs, queue.open = queue.open, None
        self.assertEqual(len(jobs), 2)
        self.assertIsNotNone(leaf.grad)
        self.assertTrue(all(p.grad is None for p in split.parameters()))
        for job in jobs:
            job()
        for ours, theirs in zip(split.parameters(), plain.parameters()):
            self.assertTrue(torch.allclose(ours.grad, theirs.grad, rtol=1e-12, atol=0))

    def test_with_the_queue_closed_it_is_an_ordinary_backward(self):
        torch.manual_seed(2)
        layer = nn.Linear(3, 3).double()
        defer_weight_gradients(layer, Queue())
        x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
        self.assertTrue(torch.autograd.gradcheck(lambda v: layer(v), (x,)))
        layer(x).sum().backward()
        self.assertTrue(torch.allclose(layer.bias.grad, torch.full((3,), 4.0, dtype=torch.float64)))


class Passes(unittest.TestCase):
    def test_recomputation_draws_what_the_forward_drew_and_leaves_the_generator_alone(self):
        torch.manual_seed(3)
        work = Pass(TakesSample(nn.Dropout(0.5)), None, [torch.ones(64)], CPU, keep=False)
        first = work.forward(range(1))
        torch.rand(7)  # others draw meanwhile
        state = torch.get_rng_state()
        again = work.recompute()
        self.assertTrue(torch.equal(first, again))
        self.assertTrue(torch.equal(state, torch.get_rng_state()))
        self.assertFalse(first.requires_grad)
        self.assertTrue(again.requires_grad)

    def test_parts_run_their_slices_and_give_the_gradient_of_the_whole(self):
        torch.manual_seed(4)
        chain = nn.Sequential(First(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)).double()
        x = torch.randn(6, 3, dtype=torch.float64)
        work = Pass(chain, None, [x], CPU, keep=True)
        outs = [work.forward(part_of(5, Op("F", "e", 0, 0, k, 3))) for k in range(3)]
        self.assertEqual([out is None for out in outs], [True, True, False])
        gradients = [torch.ones_like(outs[-1])]
        for k in range(2):
            gradients = work.backward(part_of(5, Op("B", "e", 0, 0, k, 2)), gradients[0], 1.0)
        leaf, plain = x.clone().requires_grad_(), copy.deepcopy(chain)
        plain.zero_grad()
        out = plain[0](None, leaf)
        for layer in list(plain)[1:]:
            out = layer(out)
        out.sum().backward()
        self.assertTrue(torch.allclose(gradients[0], leaf.grad, rtol=1e-12))
        for ours, theirs in zip(chain.parameters(), plain.parameters()):
            self.assertTrue(torch.allclose(ours.grad, theirs.grad, rtol=1e-12))

    def test_parts_cover_every_slice_once(self):
        for count in range(1, 9):
            for parts in range(1, 12):
                run = [i for k in range(parts) for i in part_of(count, Op("F", "e", 0, 0, k, parts))]
                self.assertEqual(run, list(range(count)))


def two_ranks():
    op = lambda kind, module="llm", chunk=0, m=0: {"op": kind, "module": module, "chunk": chunk, "microbatch": m}  # noqa: E731
    return {"schema": "bigmac.schedule/1", "pipeline": {"ranks": 2, "chunks": 1, "microbatches": 1},
            "ranks": [{"rank": 0, "ops": [op("F", "encoder"), op("F"), op("B"), op("B", "encoder")]},
                      {"rank": 1, "ops": [op("F"), op("I"), op("W")]}]}


class Files(unittest.TestCase):
    def test_reads_and_makes_follow_the_dependency_rule(self):
        schedule = parse_schedule(two_ranks())
        self.assertEqual(schedule.encoders, ["encoder"])
        self.assertEqual(schedule.reads(Op("F", "llm", 0, 0)), [Value("output", "encoder", 0, 0)])
        self.assertEqual(schedule.reads(Op("B", "encoder", 0, 0)), [Value("gradient", "llm", 0, 0, 0)])
        self.assertEqual(schedule.makes(Op("W", "llm", 1, 0)), [])
        self.assertEqual(schedule.holders()[("llm", 1)], [1])

    def refuse(self, change, pattern):
        document = two_ranks()
        change(document, document["ranks"][0]["ops"])
        with self.assertRaisesRegex(ScheduleError, pattern):
            parse_schedule(document)

    def test_what_cannot_run_is_refused(self):
        def swap(ops, a, b):
            ops[a], ops[b] = ops[b], ops[a]

        self.refuse(lambda d, ops: ops.pop(), "is listed as")
        self.refuse(lambda d, ops: ops.append(ops[1]), "listed twice")
        self.refuse(lambda d, ops: swap(ops, 0, 1), "deadlock")
        self.refuse(lambda d, ops: swap(ops, 1, 2), "deadlock")
        self.refuse(lambda d, ops: d["ranks"][1]["ops"].reverse(), "deadlock")
        self.refuse(lambda d, ops: d["ranks"][1]["ops"].append(ops.pop()), "the rest of its pass")
        self.refuse(lambda d, ops: ops[0].update(part=1, parts=2), "out of order")
        self.refuse(lambda d, ops: ops[1].update(microbatch=1), "rest|out of range")
        self.refuse(lambda d, ops: ops[0].pop("module"), "no schedule file")
        self.refuse(lambda d, ops: d["ranks"].pop(), "missing")
        self.refuse(lambda d, ops: d.update(schema="other"), "schema")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
