#include <algorithm>
#include <unordered_map>

#include "bigmac/profiler/collectives.h"
#include "bigmac/profiler/kernel_class.h"
#include "draft.h"

namespace bigmac {
namespace {

constexpr Nanoseconds kLate{10'000};     // later than this after all that is known needs another reason
constexpr Nanoseconds kFollows{50'000};  // so soon after another stream's operation: that was the reason
constexpr std::size_t kCandidates = 64;  // operations that ended last on other streams

NodeKind kind_of(const Trace& trace, const Event& event) {
  if (event.kind == EventKind::copy) return NodeKind::copy;
  if (event.kind == EventKind::set) return NodeKind::set;
  const bool communicates = class_of(trace.names[event.name]) == KernelClass::communication;
  return communicates ? NodeKind::collective : NodeKind::kernel;
}

/// Ends of GPU operations of each process, in order of time: for waits that no record states.
class EndedOperations {
 public:
  explicit EndedOperations(const Trace& trace) : trace_(trace), by_process_(trace.processes.size()) {
    for (std::uint32_t i = 0; i < trace.events.size(); ++i)
      if (on_gpu(trace.events.kind[i]))
        by_process_[trace.lanes[trace.events.lane[i]].process.value].push_back(EventId{i});
    for (auto& events : by_process_)
      std::stable_sort(events.begin(), events.end(),
                       [&](EventId a, EventId b) { return trace.events[a].end() < trace.events[b].end(); });
  }

  /// The last to end in (after, by] on another stream of the device.
  std::optional<EventId> last_ended(const Event& waiter, Nanoseconds after, Nanoseconds by) const {
    const Lane& lane = trace_.lanes[waiter.lane];
    const auto& events = by_process_[lane.process.value];
    auto at =
        std::partition_point(events.begin(), events.end(), [&](EventId e) { return trace_.events[e].end() <= by; });
    for (std::size_t tries = 0; tries < kCandidates && at != events.begin(); ++tries) {
      const Event other = trace_.events[*--at];
      if (other.end() <= after) return std::nullopt;
      if (other.lane != waiter.lane && trace_.lanes[other.lane].device == lane.device) return *at;
    }
    return std::nullopt;
  }

 private:
  const Trace& trace_;
  std::vector<std::vector<EventId>> by_process_;
};

class Streams {
 public:
  Streams(Draft& draft, const Waits& waits)
      : draft_(draft), waits_(waits.stream), ended_(draft.trace), last_(draft.trace.lanes.size(), kNoNode) {}

  void run() {
    const auto collectives = match_collectives(draft_.trace);
    for (std::uint32_t c = 0; c < collectives.size(); ++c)
      for (const EventId member : collectives[c]) collective_of_[member.value] = c;
    for (std::uint32_t i = 0; i < draft_.trace.events.size(); ++i)
      if (on_gpu(draft_.trace.events.kind[i])) operation(EventId{i});
    for (const auto& members : collectives) join(members);
  }

 private:
  void operation(EventId id) {
    const Event event = draft_.trace.events[id];
    std::uint32_t begins = kNoNode;  // the node that has to wait: the operation, or its arrival
    const bool meets = collective_of_.contains(id.value);
    if (meets)
      begins = arrival_of_[id.value] = draft_.add({NodeKind::arrival, event.lane, id, draft_.start(id), {}, {}, {}});
    const std::uint32_t node = draft_.add({kind_of(draft_.trace, event),
                                           event.lane,
                                           id,
                                           draft_.end(id),
                                           event.duration + draft_.gap(id),
                                           {},
                                           draft_.gap(id)});
    if (meets) draft_.connect(begins, node, EdgeKind::lane);
    else begins = node;
    draft_.node_of[id.value] = node;
    wait_for_inputs(id, event, begins);
    last_[event.lane.value] = node;
  }

  void wait_for_inputs(EventId id, const Event& event, std::uint32_t begins) {
    const std::uint32_t last = last_[event.lane.value];
    const std::uint32_t before = last != kNoNode ? last : begin_stream(id, event);
    Nanoseconds ready = draft_.nodes[before].recorded_end + draft_.nodes[before].gap;
    const auto call = draft_.launched_by[id.value];
    if (!call) return follow(id, event, begins, before, ready);
    draft_.connect(before, begins, EdgeKind::lane);
    const Nanoseconds latency = draft_.latencies_of(event.lane).launch[static_cast<std::size_t>(event.kind)];
    launch(draft_.node_of[call->value], begins, latency);
    ready = std::max(ready, draft_.start(*call) + latency);
    for (; next_wait_ < waits_.size() && waits_[next_wait_].operation <= id; ++next_wait_)
      if (waits_[next_wait_].operation == id) ready = std::max(ready, wait(waits_[next_wait_].awaited, begins));
    infer_wait(id, event, begins, ready);
  }

  /// What kept the stream before its first operation was not recorded: its beginning is kept, as a thread's is.
  std::uint32_t begin_stream(EventId id, const Event& event) {
    const Nanoseconds start = draft_.start(id);
    return draft_.add({NodeKind::pause, event.lane, id, start, start, {}, {}});
  }

  /// A call launches operations of one kind, so the point where it begins carries their latency.
  void launch(std::uint32_t point, std::uint32_t begins, Nanoseconds latency) {
    ReplayNode& node = draft_.nodes[point];
    if (node.latency.value == 0) node.latency = latency;
    draft_.connect(point, begins, EdgeKind::launch);
  }

  Nanoseconds wait(EventId awaited, std::uint32_t begins) {
    const std::uint32_t node = draft_.node_of[awaited.value];
    if (node == kNoNode) return Nanoseconds{0};
    draft_.connect(node, begins, EdgeKind::event_wait);
    return draft_.nodes[node].recorded_end + draft_.gap(awaited);
  }

  void infer_wait(EventId id, const Event& event, std::uint32_t begins, Nanoseconds ready) {
    const Nanoseconds start = draft_.start(id);
    if (start - ready < kLate) return;
    const auto awaited = ended_.last_ended(event, ready + draft_.origin, event.start);
    if (!awaited || start - draft_.end(*awaited) > kFollows) return;
    const std::uint32_t node = draft_.node_of[awaited->value];
    if (node != kNoNode) draft_.connect(node, begins, EdgeKind::inferred_wait);
  }

  /// No launch is recorded: it was before the recording began. The pause before the operation is kept.
  void follow(EventId id, const Event& event, std::uint32_t begins, std::uint32_t before, Nanoseconds ready) {
    const Nanoseconds pause = std::max(Nanoseconds{0}, draft_.start(id) - ready);
    if (pause.value > 0) {
      const std::uint32_t node = draft_.add({NodeKind::pause, event.lane, id, draft_.start(id), pause, {}, {}});
      draft_.connect(before, node, EdgeKind::lane);
      draft_.connect(node, begins, EdgeKind::lane);
      ++draft_.kept_pauses;
      draft_.kept_pause_time += pause;
    } else {
      draft_.connect(before, begins, EdgeKind::lane);
    }
  }

  /// All members end when the last has arrived, plus the transfer.
  void join(const std::vector<EventId>& members) {
    Nanoseconds latest{0}, transfer = draft_.trace.events.duration[members.front().value];
    for (const EventId member : members) {
      latest = std::max(latest, draft_.start(member));
      transfer = std::min(transfer, draft_.trace.events.duration[member.value]);
    }
    const LaneId lane = draft_.trace.events.lane[members.front().value];
    const std::uint32_t met = draft_.add({NodeKind::arrival, lane, {}, latest, {}, {}, {}});
    for (const EventId member : members) {
      draft_.connect(arrival_of_[member.value], met, EdgeKind::collective);
      draft_.connect(met, draft_.node_of[member.value], EdgeKind::collective);
      draft_.nodes[draft_.node_of[member.value]].duration = transfer + draft_.gap(member);
    }
  }

  Draft& draft_;
  const std::vector<StreamWait>& waits_;
  std::size_t next_wait_ = 0;
  EndedOperations ended_;
  std::vector<std::uint32_t> last_;  ///< by lane: its last operation's node
  std::unordered_map<std::uint32_t, std::uint32_t> collective_of_, arrival_of_;
};

}  // namespace

void add_gpu_nodes(Draft& draft, const Waits& waits) { Streams(draft, waits).run(); }

}  // namespace bigmac
