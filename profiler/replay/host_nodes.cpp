#include <algorithm>
#include <tuple>

#include "draft.h"

namespace bigmac {
namespace {

enum class MarkKind : std::uint8_t { block_start, call_start, wait_end, block_end };

/// A moment of a thread that something else hangs on.
struct Mark {
  Nanoseconds time;
  MarkKind kind;
  std::uint32_t index;  ///< of the block, the call's event, or the wait
};

class HostLanes {
 public:
  HostLanes(Draft& draft, const Waits& waits)
      : draft_(draft), waits_(waits), blocks_(host_blocks(draft.trace)), marks_(draft.trace.lanes.size()) {}

  std::vector<OpenWait> run() {
    collect();
    block_ends_.resize(blocks_.size());
    for (std::uint32_t lane = 0; lane < marks_.size(); ++lane) chain(LaneId{lane});
    for (const auto& [node, giver] : hand_overs_)
      draft_.connect(block_ends_[giver.first.value][giver.second], node, EdgeKind::hand_over);
    return std::move(open_);
  }

 private:
  void collect() {
    for (std::uint32_t lane = 0; lane < blocks_.size(); ++lane)
      for (std::uint32_t b = 0; b < blocks_[lane].size(); ++b) {
        marks_[lane].push_back({blocks_[lane][b].start - draft_.origin, MarkKind::block_start, b});
        marks_[lane].push_back({blocks_[lane][b].end - draft_.origin, MarkKind::block_end, b});
      }
    for (const auto& call : draft_.launched_by)
      if (call) mark_call(*call);
    for (std::uint32_t w = 0; w < waits_.host.size(); ++w) {
      const EventId call = waits_.host[w].call;
      mark_call(call);
      marks_[draft_.trace.events.lane[call.value].value].push_back({draft_.end(call), MarkKind::wait_end, w});
    }
    for (auto& lane : marks_)
      std::sort(lane.begin(), lane.end(), [](const Mark& a, const Mark& b) {
        return std::tie(a.time, a.kind, a.index) < std::tie(b.time, b.kind, b.index);
      });
  }

  void mark_call(EventId call) {
    marks_[draft_.trace.events.lane[call.value].value].push_back(
        {draft_.start(call), MarkKind::call_start, call.value});
  }

  void chain(LaneId lane) {
    std::uint32_t last = kNoNode;
    Nanoseconds time{0};
    for (const Mark& mark : marks_[lane.value]) {
      if (mark.kind == MarkKind::call_start && draft_.node_of[mark.index] != kNoNode) continue;  // two operations
      const std::uint32_t node = draft_.add({NodeKind::host, lane, {}, mark.time, mark.time - time, {}, {}});
      if (last != kNoNode) draft_.connect(last, node, EdgeKind::lane);
      finish(lane, mark, node, time);
      last = node;
      time = mark.time;
    }
  }

  void finish(LaneId lane, const Mark& mark, std::uint32_t id, Nanoseconds before) {
    ReplayNode& node = draft_.nodes[id];
    if (mark.kind == MarkKind::call_start) {
      node.event = EventId{mark.index};
      draft_.node_of[mark.index] = id;
    } else if (mark.kind == MarkKind::wait_end) {
      node.kind = NodeKind::wait;
      node.event = waits_.host[mark.index].call;
      open_.push_back({id, draft_.start(*node.event), before, &waits_.host[mark.index]});
    } else if (mark.kind == MarkKind::block_end) {
      block_ends_[lane.value].push_back(id);
    } else if (const auto& giver = blocks_[lane.value][mark.index].after) {
      node.kind = NodeKind::hand_over;
      node.duration = mark.time - (blocks_[giver->first.value][giver->second].end - draft_.origin);
      hand_overs_.emplace_back(id, *giver);
    }
  }

  Draft& draft_;
  const Waits& waits_;
  std::vector<std::vector<HostBlock>> blocks_;
  std::vector<std::vector<Mark>> marks_;
  std::vector<std::vector<std::uint32_t>> block_ends_;  ///< by lane and block: the node that ends it
  std::vector<std::pair<std::uint32_t, std::pair<LaneId, std::size_t>>> hand_overs_;
  std::vector<OpenWait> open_;
};

}  // namespace

std::vector<OpenWait> add_host_nodes(Draft& draft, const Waits& waits) { return HostLanes(draft, waits).run(); }

void close_waits(Draft& draft, const std::vector<OpenWait>& open) {
  for (const OpenWait& wait : open) {
    Nanoseconds released = wait.worked_until;
    for (const EventId operation : wait.wait->operations) {
      const std::uint32_t awaited = draft.node_of[operation.value];
      draft.connect(awaited, wait.node, EdgeKind::synchronise);
      const Nanoseconds end = draft.nodes[awaited].recorded_end + draft.gap(operation);
      if (end > wait.begin) released = std::max(released, end);
    }
    ReplayNode& node = draft.nodes[wait.node];
    node.duration = std::max(Nanoseconds{0}, node.recorded_end - released);
  }
}

}  // namespace bigmac
