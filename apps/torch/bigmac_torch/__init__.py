"""Runs a schedule file of the BigMac planner (schema bigmac.schedule/1) over torch.distributed.

    schedule = bigmac_torch.load_schedule("plan.json")
    runner = bigmac_torch.PipelineRunner(schedule, build, signature, loss=loss)
    loss = runner.step(samples)       # one sample for each microbatch of the job
    optimizer.step()                  # over runner.parameters()

No dependency beyond torch; gloo and nccl; torch 1.13 and later.
"""
from .deferred import defer_weight_gradients
from .runner import PipelineRunner
from .schedule import Op, Schedule, ScheduleError, load_schedule

__all__ = ["Op", "PipelineRunner", "Schedule", "ScheduleError", "defer_weight_gradients", "load_schedule"]
