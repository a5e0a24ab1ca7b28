// torch.autograd.profiler.emit_nvtx: operators as ranges named "aten::mm, seq = 12, op_id = 5".
#pragma once

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// Gives ranges that carry a sequence number their place in the forward and backward passes, as Kineto's operators have
/// it, and makes them operators. The trace must be sorted.
void read_emit_nvtx(Trace& trace);

}  // namespace bigmac
