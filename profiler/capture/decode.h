// CUPTI's records to events: pure functions of bytes, so that they are tested on fabricated records without a GPU.
//
// A buffer is walked with CUPTI's own function only (records differ in size between versions); what that function hands
// over is checked against the buffer's bounds before it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "cupti_abi.h"
#include "event.h"

namespace bigmac::capture {

/// Why a record became no event.
enum class Fault {
  unknown_kind,  ///< a kind that was not asked for
  no_time,       ///< start == 0: CUPTI had no timestamp
  backwards,     ///< end < start
  bad_value      ///< an operation or type that CUPTI does not document
};

using Decoded = std::variant<Event, Fault>;

/// Bytes of a record that are read; 0 for a kind that is not.
std::size_t record_bytes(cupti::Kind kind);

/// `record` must have record_bytes(kind) bytes. Null names read as "". Times have `base` taken off.
Decoded decode_record(const cupti::Record& record, Time base);

struct DecodeCounts {
  std::uint64_t records = 0;                                                  ///< seen
  std::uint64_t unknown_kind = 0, no_time = 0, backwards = 0, bad_value = 0;  ///< of them, not turned into events
  std::uint64_t cut = 0;                                                      ///< buffers that end within a record

  std::uint64_t lost() const { return no_time + backwards + bad_value + cut; }
  DecodeCounts& operator+=(const DecodeCounts& other);
};

/// cuptiActivityGetNextRecord.
using NextRecord = cupti::Result (*)(std::uint8_t* buffer, std::size_t valid, cupti::Record** record);

/// Calls `sink` for each good record of a buffer, in order.
DecodeCounts decode_buffer(std::uint8_t* buffer, std::size_t valid, NextRecord next, Time base,
                           const std::function<void(const Event&)>& sink);

}  // namespace bigmac::capture
