// A JSON recording as a stream: the events of its "traceEvents" array window by window, the other members of the root
// one by one.
//
// The root is an object or, in other writers' files, the bare list of events. No more than one window is in memory (1
// MiB, more where a single event is larger), so the size of the file does not matter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bigmac/profiler/byte_source.h"
#include "bracket_scan.h"

namespace bigmac {

/// Whole events as one JSON array. `text` may be changed and read up to kWindowPadding beyond its end.
struct EventWindow {
  char* text = nullptr;  ///< from '[' to ']'
  std::size_t size = 0;
  const std::vector<std::uint32_t>* begins = nullptr;  ///< of each event in text
  std::uint64_t offset = 0;                            ///< of text in the (uncompressed) file
};
inline constexpr std::size_t kWindowPadding = 64;

class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void events(const EventWindow& window) = 0;
  /// A member of the root other than traceEvents, `text` its JSON value; only those up to 4 MiB are handed over.
  virtual void member(std::string_view key, const std::string& text, std::uint64_t offset) = 0;
};

/// Throws Error{bad_input} with file and byte offset where the text is no such recording or ends early.
void stream_events(ByteSource& source, EventSink& sink);

}  // namespace bigmac
