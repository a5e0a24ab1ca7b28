// What one thread has said through NVTX and the writer has not taken yet.
//
// The thread copies an event's few bytes in; the writer swaps the whole buffer out. Bounded: a thread that outruns the
// writer loses events, and they are counted; it never waits for the disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "event.h"

namespace bigmac::capture {

enum class LogKind : std::uint8_t { range, process_range, mark, thread_name, node, step, open };

/// An event as it lies in a log; `name_bytes` of name follow it.
struct LogEntry {
  Time start = 0, end = 0;
  Payload payload;
  std::uint64_t number = 0;  ///< of a node: its id; of a step: which
  std::uint64_t original = 0;
  std::uint32_t thread = 0;  ///< 0: the log's own
  std::uint32_t domain = 0;
  std::uint32_t other = 0;  ///< depth of a range, end thread of a process range
  std::uint32_t name_bytes = 0;
  LogKind kind = LogKind::mark;
};

class ThreadLog {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{2} << 20, kMaxOpen = 4096, kMaxName = 4096, kSampled = 256;

  explicit ThreadLog(std::uint32_t thread) : thread_(thread) {}
  std::uint32_t thread() const { return thread_; }

  // Called by the thread itself.
  /// Depth of the range within its domain, from 0.
  std::uint32_t push(Time start, std::string_view name, std::uint32_t domain, Payload payload);
  /// Depth of the range that ended; -1 where none was open in the domain. `keep`: it becomes an event.
  int pop(Time end, std::uint32_t domain, bool keep);
  void add(const LogEntry& entry, std::string_view name);
  /// Bytes that wait; the thread may wake the writer when they are many.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  void leave(Time now);  ///< the thread ends; what it left open becomes events
  /// Counts a call; true for one of kSampled, which then reports how long it took.
  bool count_call() {
    const std::uint64_t calls = calls_.load(std::memory_order_relaxed);
    calls_.store(calls + 1, std::memory_order_relaxed);
    return calls % kSampled == kSampled - 1;
  }
  void sample(Time took) {
    sampled_.store(sampled_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    sampled_ns_.store(sampled_ns_.load(std::memory_order_relaxed) + took, std::memory_order_relaxed);
  }

  // Called by the writer.
  /// Swaps what waits with `empty`; true where the thread has left and nothing more will come.
  bool take(std::string& empty, std::uint64_t& lost);
  struct Cost {
    std::uint64_t calls = 0, sampled = 0;
    Time sampled_ns = 0;
  };
  Cost cost() const { return {calls_.load(), sampled_.load(), sampled_ns_.load()}; }
  /// Ranges that are open now, outermost first.
  using VisitOpen = std::function<void(Time start, std::string_view name, std::uint32_t domain)>;
  void each_open(const VisitOpen& visit);

 private:
  struct Open {
    Time start;
    Payload payload;
    std::uint32_t domain, depth;
    std::size_t name_at;
  };
  void put(LogEntry entry, std::string_view name);
  void visit_open(const VisitOpen& visit) const;

  std::mutex mutex_;
  std::uint32_t thread_;
  std::string out_;
  std::vector<Open> open_;
  std::string open_names_;
  std::vector<std::uint32_t> beyond_;  ///< domains of ranges deeper than kMaxOpen
  std::uint64_t lost_ = 0;
  bool left_ = false;
  // Written by the thread alone.
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> calls_{0}, sampled_{0};
  std::atomic<Time> sampled_ns_{0};
};

/// The entries of a taken buffer as events, in order. `domain_name` resolves domain numbers.
void each_event(const std::string& taken, const std::function<std::string_view(std::uint32_t)>& domain_name,
                const std::function<void(const Event&)>& sink);

}  // namespace bigmac::capture
