#include "waits.h"

#include <algorithm>
#include <unordered_map>

#include "launch_order.h"

namespace bigmac {
namespace {

constexpr std::size_t kMaxStreamsWaitedFor = 4096;  // by one call; no device has more

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

class WaitFinder {
 public:
  WaitFinder(const Trace& trace, const std::vector<std::optional<EventId>>& launched_by)
      : trace_(trace), order_(trace, launched_by) {
    for (std::uint32_t i = 0; i < trace.events.size(); ++i)
      if (trace.events.kind[i] == EventKind::call && trace.events.correlation[i] != 0)
        calls_.try_emplace(key(trace.lanes[trace.events.lane[i]].process, trace.events.correlation[i]), EventId{i});
    for (std::uint32_t i = 0; i < trace.events.size(); ++i)
      if (launched_by[i]) launched_[launched_by[i]->value].push_back(EventId{i});
  }

  Waits run() {
    for (std::size_t i = 0; i < trace_.syncs.size(); ++i)
      syncs_[key(trace_.syncs[i].process, trace_.syncs[i].call)] = i;
    for (std::uint32_t i = 0; i < trace_.events.size(); ++i)
      if (trace_.events.kind[i] == EventKind::call) call(EventId{i});
    std::sort(waits_.stream.begin(), waits_.stream.end(), [](const StreamWait& a, const StreamWait& b) {
      return std::tie(a.operation, a.awaited) < std::tie(b.operation, b.awaited);
    });
    return std::move(waits_);
  }

 private:
  static std::uint64_t key(ProcessId process, std::uint64_t correlation) {
    return correlation ^ (std::uint64_t{process.value} << 44);
  }

  Nanoseconds end(EventId event) const { return trace_.events[event].end(); }

  void call(EventId id) {
    const Event event = trace_.events[id];
    const std::string_view name = trace_.names[event.name];
    const ProcessId process = trace_.lanes[event.lane].process;
    if (contains(name, "StreamWaitEvent")) return stream_wait(event, process);
    if (contains(name, "Synchronize")) return synchronise(id, event, process, name);
    // A launch that outlasts what it launched waited for it.
    HostWait wait{id, {}};
    if (const auto launched = launched_.find(id.value); launched != launched_.end())
      for (const EventId operation : launched->second)
        if (end(operation) <= event.end()) wait.operations.push_back(operation);
    if (!wait.operations.empty()) waits_.host.push_back(std::move(wait));
  }

  const SyncDetail* sync_of(const Event& event, ProcessId process) const {
    const auto found = syncs_.find(key(process, event.correlation));
    return event.correlation == 0 || found == syncs_.end() ? nullptr : &trace_.syncs[found->second];
  }

  /// When the event was recorded by the host: what was launched before is waited for.
  Nanoseconds recorded_at(const SyncDetail& sync, const Event& event) const {
    if (!sync.record) return event.start;
    const auto record = calls_.find(key(sync.process, *sync.record));
    return record == calls_.end() ? event.start : std::min(event.start, trace_.events.start[record->second.value]);
  }

  void stream_wait(const Event& event, ProcessId process) {
    const SyncDetail* sync = sync_of(event, process);
    if (sync == nullptr || !sync->stream || !sync->record_stream) return;
    const auto waiter = order_.stream(process, sync->device, *sync->stream);
    const auto recorder = order_.stream(process, sync->device, *sync->record_stream);
    if (!waiter || !recorder || *waiter == *recorder) return;
    const auto operation = order_.first_after(*waiter, event.start);
    const auto awaited = order_.last_before(*recorder, recorded_at(*sync, event));
    if (operation && awaited) waits_.stream.push_back({*operation, *awaited, false});
  }

  void add_stream(HostWait& wait, LaneId stream, Nanoseconds before) const {
    if (const auto last = order_.last_before(stream, before)) wait.operations.push_back(*last);
  }

  void add_streams(HostWait& wait, ProcessId process, std::optional<std::int64_t> device, Nanoseconds before) const {
    for (const LaneId stream : order_.streams(process)) {
      if (wait.operations.size() >= kMaxStreamsWaitedFor) return;
      if (device && trace_.lanes[stream].device != *device) continue;
      add_stream(wait, stream, before);
    }
  }

  void synchronise(EventId id, const Event& event, ProcessId process, std::string_view name) {
    HostWait wait{id, {}};
    const SyncDetail* sync = sync_of(event, process);
    if (contains(name, "DeviceSynchronize") || contains(name, "CtxSynchronize")) {
      add_streams(wait, process, sync != nullptr ? sync->device : std::nullopt, event.start);
    } else if (sync != nullptr && sync->record_stream) {
      if (const auto stream = order_.stream(process, sync->device, *sync->record_stream))
        add_stream(wait, *stream, recorded_at(*sync, event));
    } else if (sync != nullptr && sync->stream) {
      if (const auto stream = order_.stream(process, sync->device, *sync->stream))
        add_stream(wait, *stream, event.start);
    } else {
      add_streams(wait, process, std::nullopt, event.start);
      keep_latest_ended(wait, event.end());
    }
    if (!wait.operations.empty()) waits_.host.push_back(std::move(wait));
  }

  /// Which stream is not recorded: the one whose last operation ended last, of those that had ended.
  void keep_latest_ended(HostWait& wait, Nanoseconds by) const {
    std::optional<EventId> latest;
    for (const EventId operation : wait.operations)
      if (end(operation) <= by && (!latest || end(operation) > end(*latest))) latest = operation;
    wait.operations.clear();
    if (latest) wait.operations.push_back(*latest);
  }

  const Trace& trace_;
  LaunchOrder order_;
  std::unordered_map<std::uint64_t, EventId> calls_;
  std::unordered_map<std::uint32_t, std::vector<EventId>> launched_;
  std::unordered_map<std::uint64_t, std::size_t> syncs_;
  Waits waits_;
};

}  // namespace

Waits find_waits(const Trace& trace, const std::vector<std::optional<EventId>>& launched_by) {
  return WaitFinder(trace, launched_by).run();
}

}  // namespace bigmac
