// Our own recordings, schema bigmac.trace/1: what libbigmac_inject.so writes while a program runs.
//
// JSON lines, so that a process that dies leaves a file good up to its last whole line; .gz or plain. The first line is
// the header:
//   {"schema": "bigmac.trace/1", "pid": 4711, "host": "node7", "name": "python", "rank": 3, "world_size": 8, "driver":
//   "580.65"}
// (all but schema and pid optional). Every other line is an array that begins with what it is; times are nanoseconds:
//   ["name", ID, "text"]                                          before its first use; ids are the writer's own, from
//   0, dense
//   ["device", DEVICE, "NVIDIA H100 80GB HBM3"]
//   ["thread", TID, NAME]
//   ["kernel", START, END, DEVICE, STREAM, CORRELATION, NAME]
//   ["copy", START, END, DEVICE, STREAM, CORRELATION, NAME, BYTES]
//   ["set", START, END, DEVICE, STREAM, CORRELATION, NAME, BYTES]
//   ["call", START, END, TID, CORRELATION, NAME]                  an API call
//   ["range", START, END, TID, NAME]                              NVTX push / pop
//   ["process_range", START, END, TID, NAME]                      NVTX start / end
//   ["sync", KIND, CORRELATION, DEVICE, STREAM, RECORD_STREAM, RECORD]   KIND event, stream_wait, stream, context; -1:
//   unknown
//   ["memory", TIME, DEVICE, ADDRESS, BYTES]                      BYTES < 0: released; DEVICE -1: host
//   ["dropped", COUNT]                                            records that were lost or broken
//   ["note", "text"]
// Unknown first words are skipped and counted in a note: a newer writer may say more.
#pragma once

#include <string>

#include "bigmac/profiler/byte_source.h"
#include "bigmac/profiler/trace.h"

namespace bigmac {

/// Throws Error{bad_input} with the file and the byte offset of the faulty line (of the uncompressed text). A last line
/// without its newline is what an interrupted writer leaves: it is dropped, with a note.
Trace read_trace_file(const std::string& path);
Trace read_trace(ByteSource& source);

}  // namespace bigmac
