// Events to the lines of bigmac.trace/1 (docs/trace.md). Bounded: the tables of names, events and contexts are cleared
// when full.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "event.h"

namespace bigmac::capture {

/// The first line. Empty texts and absent numbers are left out.
struct Header {
  std::int64_t pid = 0, parent_pid = 0;
  std::string host, name;
  std::vector<std::string> command;
  std::string rank, local_rank, world_size;  ///< as the launcher of the job gave them; written where they are numbers
  std::int64_t base_unix_ns = 0;
  std::string mode, step_range, steps;
};

class TraceLines {
 public:
  /// Name of a function of the runtime's or the driver's API, by CUPTI's number.
  using CallName = std::function<std::string(bool driver, std::uint32_t callback)>;
  explicit TraceLines(CallName call_name) : call_name_(std::move(call_name)) {}

  void header(const Header& header);
  void append(const Event& event);
  void driver(std::int64_t driver_version, std::int64_t cupti_version);
  void dropped(std::uint64_t count, std::string_view why);
  void note(std::string_view text);
  /// The last line. `costs`: what the recording itself cost, by name.
  void end(Time time, std::int64_t unix_ns, std::string_view how,
           const std::vector<std::pair<std::string, double>>& costs);

  /// Events of one kind that were appended so far.
  template <class Kind>
  std::uint64_t count() const {
    return counts_[Event(Kind{}).index()];
  }
  /// Whole lines that were not taken yet.
  std::string& text() { return text_; }

 private:
  struct Recorded {
    std::uint32_t stream;
    std::uint64_t correlation;
  };

  std::uint32_t name(std::string_view text);
  std::int64_t device_of(std::uint32_t context) const;
  void learn(std::uint32_t context, std::uint32_t device);
  void payload(const Payload& payload);
  void open(std::string_view word);
  void close();
  template <class Number>
  void number(Number value);
  template <class... Numbers>
  void numbers(Numbers... values) {
    (number(values), ...);
  }
  void quoted(std::string_view text);

  void write(const KernelEvent&);
  void write(const CopyEvent&);
  void write(const SetEvent&);
  void write(const CallEvent&);
  void write(const SyncEvent&);
  void write(const EventRecorded&);
  void write(const MemoryEvent&);
  void write(const PoolEvent&);
  void write(const OverheadEvent&);
  void write(const DeviceEvent&);
  void write(const ContextEvent&);
  void write(const StreamEvent&);
  void write(const RangeEvent&);
  void write(const ProcessRangeEvent&);
  void write(const OpenEvent&);
  void write(const MarkEvent&);
  void write(const ThreadEvent&);
  void write(const NodeEvent&);
  void write(const StepEvent&);

  CallName call_name_;
  std::string text_;
  std::unordered_map<std::string, std::uint32_t> names_;
  std::uint32_t next_name_ = 1;  ///< 0 is the empty name
  std::string key_;              ///< reused for lookups
  std::unordered_map<std::uint64_t, std::uint32_t> call_names_;
  std::unordered_map<std::uint32_t, std::uint32_t> device_by_context_;
  std::unordered_map<std::uint32_t, Recorded> recorded_;
  std::array<std::uint64_t, std::variant_size_v<Event>> counts_{};
};

}  // namespace bigmac::capture
