#include <algorithm>
#include <queue>
#include <tuple>

#include "bigmac/base/error.h"
#include "draft.h"

namespace bigmac {
namespace {

/// Kahn's algorithm, the earliest recorded end first. Edges that contradict the recorded times never get here, so a
/// cycle can only be among nodes that end at one moment; its first node's open edges are dropped.
class Order {
 public:
  explicit Order(Draft& draft) : draft_(draft), place_(draft.nodes.size(), kNoNode) {}

  ReplayGraph run() {
    drop_contradictions();
    index_edges();
    for (std::uint32_t node = 0; node < draft_.nodes.size(); ++node)
      if (open_[node] == 0) ready_.push(entry(node));
    next_stuck_ = by_end();
    while (order_.size() < draft_.nodes.size()) {
      if (ready_.empty()) unlock();
      const std::uint32_t node = std::get<2>(ready_.top());
      ready_.pop();
      emit(node);
    }
    return finish();
  }

 private:
  using Entry = std::tuple<std::int64_t, int, std::uint32_t>;

  Entry entry(std::uint32_t node) const {
    return {draft_.nodes[node].recorded_end.value, on_gpu(draft_.nodes[node].kind) ? 1 : 0, node};
  }

  void drop_contradictions() {
    const auto contradicts = [&](const DraftEdge& edge) {
      return draft_.nodes[edge.from].recorded_end > draft_.nodes[edge.to].recorded_end;
    };
    const std::size_t all = draft_.edges.size();
    std::erase_if(draft_.edges, contradicts);
    dropped_ = all - draft_.edges.size();
  }

  void index_edges() {
    std::sort(draft_.edges.begin(), draft_.edges.end(), [](const DraftEdge& a, const DraftEdge& b) {
      return std::tie(a.to, a.kind, a.from) < std::tie(b.to, b.kind, b.from);
    });
    first_in_.assign(draft_.nodes.size() + 1, 0);
    first_out_.assign(draft_.nodes.size() + 1, 0);
    open_.assign(draft_.nodes.size(), 0);
    for (const DraftEdge& edge : draft_.edges) {
      ++first_in_[edge.to + 1];
      ++first_out_[edge.from + 1];
      ++open_[edge.to];
    }
    for (std::size_t i = 1; i < first_in_.size(); ++i) {
      first_in_[i] += first_in_[i - 1];
      first_out_[i] += first_out_[i - 1];
    }
    out_.resize(draft_.edges.size());
    std::vector<std::uint32_t> at(first_out_.begin(), first_out_.end() - 1);
    for (const DraftEdge& edge : draft_.edges) out_[at[edge.from]++] = edge.to;
  }

  std::vector<std::uint32_t> by_end() const {
    std::vector<std::uint32_t> nodes(draft_.nodes.size());
    for (std::uint32_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
    std::sort(nodes.begin(), nodes.end(), [&](std::uint32_t a, std::uint32_t b) { return entry(a) > entry(b); });
    return nodes;  // the earliest at the back
  }

  void emit(std::uint32_t node) {
    place_[node] = static_cast<std::uint32_t>(order_.size());
    order_.push_back(node);
    for (std::uint32_t i = first_out_[node]; i < first_out_[node + 1]; ++i)
      if (const std::uint32_t to = out_[i]; place_[to] == kNoNode && --open_[to] == 0) ready_.push(entry(to));
  }

  void unlock() {
    while (place_[next_stuck_.back()] != kNoNode) next_stuck_.pop_back();
    open_[next_stuck_.back()] = 0;
    ready_.push(entry(next_stuck_.back()));
  }

  ReplayGraph finish() {
    ReplayGraph graph;
    graph.origin = draft_.origin;
    graph.latencies = std::move(draft_.latencies);
    graph.kept_pauses = draft_.kept_pauses;
    graph.kept_pause_time = draft_.kept_pause_time;
    graph.first_edge.push_back(0);
    for (const std::uint32_t node : order_) {
      graph.nodes.push_back(draft_.nodes[node]);
      graph.recorded = std::max(graph.recorded, draft_.nodes[node].recorded_end);
      for (std::uint32_t e = first_in_[node]; e < first_in_[node + 1]; ++e) {
        const DraftEdge& edge = draft_.edges[e];
        const bool forward = place_[edge.from] < place_[node];
        if (!forward) ++dropped_;
        else graph.edges.push_back({place_[edge.from], edge.kind});
        if (forward) ++graph.edge_counts[static_cast<std::size_t>(edge.kind)];
      }
      graph.first_edge.push_back(static_cast<std::uint32_t>(graph.edges.size()));
    }
    graph.dropped_edges = dropped_;
    return graph;
  }

  Draft& draft_;
  std::vector<std::uint32_t> place_, first_in_, first_out_, open_, out_, order_, next_stuck_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready_;
  std::uint64_t dropped_ = 0;
};

/// Two inputs a task: the lane's own and one other; joins before a node with more. Task 0 is the origin.
void lower_to_tasks(ReplayGraph& graph) {
  const auto join = static_cast<std::uint32_t>(graph.nodes.size());
  graph.tasks.table_slots = join;
  graph.tasks.tasks.push_back({0, 0, join});
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) {
    Task task{0, 0, node};
    for (std::uint32_t e = graph.first_edge[node]; e < graph.first_edge[node + 1]; ++e) {
      const std::uint32_t from = graph.task_of[graph.edges[e].from];
      if (graph.edges[e].kind == EdgeKind::lane && task.previous == 0) {
        task.previous = from;
      } else {
        if (task.input != 0) {
          graph.tasks.tasks.push_back({task.previous, task.input, join});
          task.previous = static_cast<std::uint32_t>(graph.tasks.tasks.size() - 1);
        }
        task.input = from;
      }
    }
    graph.task_of.push_back(static_cast<std::uint32_t>(graph.tasks.tasks.size()));
    graph.tasks.tasks.push_back(task);
  }
}

}  // namespace

ReplayGraph lower_replay(Draft&& draft) {
  ReplayGraph graph = Order(draft).run();
  lower_to_tasks(graph);
  return graph;
}

}  // namespace bigmac
