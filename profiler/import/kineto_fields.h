// One event of a Kineto file as it stands in the text: tokens by name, not yet understood.
//
// Between the stream of windows (event_stream.h) and what events mean (kineto.cpp). A token is the JSON text of a
// scalar, quotes included; an empty token: the event has no such member.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "event_stream.h"

namespace bigmac {

struct KinetoFields {
  std::string_view ph, cat, name, pid, tid, ts, dur;
  // Of "args".
  std::string_view correlation, device, stream, bytes, sequence, forward_thread, order;
  std::string_view address, memory_bytes, allocated, reserved, device_type, device_id;  // [memory]
  std::string_view sync_kind, wait_stream, wait_record;                                 // cuda_sync
  std::string_view collective, elements, dtype, group_size, group,
      collective_sequence;   // record_param_comms and NCCL kernels
  std::string_view label;    // of metadata
  std::uint64_t offset = 0;  ///< of the event in the file
};

class KinetoFieldReader {
 public:
  explicit KinetoFieldReader(std::string file);
  ~KinetoFieldReader();
  /// Calls `take` for each event of the window. Throws Error{bad_input} with the offset of the event that is no valid
  /// JSON object.
  void read(const EventWindow& window, const std::function<void(const KinetoFields&)>& take);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// The text of a string token, escapes resolved; throws Error{bad_input} at `where` if it is no string.
std::string unescaped(std::string_view token, const std::string& where);

}  // namespace bigmac
