// Kineto: what torch.profiler writes (JSON in Chrome's trace format, often gzipped).
#pragma once

#include <string>

#include "bigmac/profiler/byte_source.h"
#include "bigmac/profiler/trace.h"

namespace bigmac {

/// One file is one process. Times become absolute (baseTimeNanoseconds added). Throws Error{bad_input} with the file
/// and the byte offset of the faulty event (of the uncompressed text).
Trace read_kineto(ByteSource& source);

}  // namespace bigmac
