#include "diagnose.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/graph/compressed_sparse_row_graph.hpp>
#include <boost/graph/depth_first_search.hpp>

#include "bigmac/base/error.h"
#include "product_table.h"

namespace bigmac {
namespace {

constexpr std::uint32_t kUnmade = UINT32_MAX;

// Ranks that wait for one another.
using WaitGraph = boost::compressed_sparse_row_graph<boost::directedS>;

/// What a stuck rank lacks: the index of the operation that would make it, or kUnmade.
struct Want {
  std::uint32_t rank;
  std::uint32_t stuck;
  ProductKey product;
  std::uint32_t maker;
};

std::uint32_t rank_holding(const Schedule& schedule, std::uint32_t op) {
  const auto after = std::upper_bound(schedule.first.begin(), schedule.first.end(), op);
  return static_cast<std::uint32_t>(after - schedule.first.begin()) - 1;
}

ProductTable index_makers(const Pipeline& pipeline, const Schedule& schedule) {
  ProductTable makers(pipeline, kUnmade);
  for (std::uint32_t i = 0; i < schedule.ops.size(); ++i) {
    const Op& op = schedule.ops[i];
    if (op.part + 1 == op.parts && makes_product(op.kind))
      makers[{product_of(op.kind), op.module, op.stage, op.microbatch}] = i;
  }
  return makers;
}

std::vector<Want> collect_wants(const Pipeline& pipeline, const Schedule& schedule,
                                const std::vector<std::uint32_t>& stuck) {
  ProductTable makers = index_makers(pipeline, schedule);
  std::vector<Want> wants;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank) {
    if (stuck[rank] == schedule.first[rank + 1]) continue;
    std::optional<Want> want;
    for_each_input(pipeline, schedule.ops[stuck[rank]], [&](const ProductKey& key) {
      const std::uint32_t maker = makers[key];
      const bool made = maker != kUnmade && maker < stuck[rank_holding(schedule, maker)];
      if (!made && (!want || maker == kUnmade)) want = Want{rank, stuck[rank], key, maker};
    });
    BIGMAC_CHECK(want.has_value());
    wants.push_back(*want);
  }
  return wants;
}

/// Stops at the first back edge: its ends and the path between them are a cycle.
struct CycleFound {
  std::vector<std::size_t> ranks;
};

class FindCycle : public boost::dfs_visitor<> {
 public:
  explicit FindCycle(std::vector<std::size_t>& path) : path_(&path) {}
  template <class G>
  void discover_vertex(std::size_t vertex, const G&) {
    path_->push_back(vertex);
  }
  template <class G>
  void finish_vertex(std::size_t, const G&) {
    path_->pop_back();
  }
  template <class Edge, class G>
  void back_edge(const Edge& edge, const G& graph) {
    const auto start = std::find(path_->begin(), path_->end(), target(edge, graph));
    throw CycleFound{{start, path_->end()}};
  }

 private:
  std::vector<std::size_t>* path_;
};

std::vector<std::size_t> find_cycle(const Schedule& schedule, const std::vector<Want>& wants) {
  std::vector<std::pair<std::size_t, std::size_t>> edges;
  for (const Want& want : wants) edges.emplace_back(want.rank, rank_holding(schedule, want.maker));
  const WaitGraph graph(boost::edges_are_sorted, edges.begin(), edges.end(), schedule.ranks());
  std::vector<std::size_t> path;
  try {
    boost::depth_first_search(graph, boost::visitor(FindCycle(path)));
  } catch (const CycleFound& found) {
    return found.ranks;
  }
  return {};
}

std::string describe(const Pipeline& pipeline, const Schedule& schedule, std::uint32_t op) {
  return fmt::format("{} (rank {})", to_string(pipeline, schedule.ops[op]), rank_holding(schedule, op));
}

Fault missing_fault(const Pipeline& pipeline, const Schedule& schedule, const Want& want,
                    const std::vector<std::uint32_t>& stuck) {
  const Op lacking{want.product.microbatch, want.product.stage, want.product.module,
                   want.product.product == Product::output ? OpKind::forward : OpKind::backward};
  return {FaultKind::missing,
          fmt::format("{} needs {}, which no rank lists", describe(pipeline, schedule, want.stuck),
                      to_string(pipeline, lacking)),
          {},
          grid_around(pipeline, schedule, stuck, {want.rank})};
}

std::string cell(const Pipeline& pipeline, const Schedule& schedule, std::int64_t op, std::uint32_t rank, bool marked) {
  if (op < schedule.first[rank] || op >= schedule.first[rank + 1]) return "";
  const std::string text = to_string(pipeline, schedule.ops[static_cast<std::size_t>(op)]);
  return marked ? "[" + text + "]" : text;
}

}  // namespace

std::string grid_around(const Pipeline& pipeline, const Schedule& schedule, const std::vector<std::uint32_t>& marked,
                        const std::vector<std::uint32_t>& ranks) {
  constexpr int kBefore = 5, kAfter = 3;
  std::string text;
  for (const std::uint32_t rank : ranks) {
    text += fmt::format("rank {:<4}", rank);
    for (int step = -kBefore; step <= kAfter; ++step)
      text += fmt::format(" {:>14}", cell(pipeline, schedule, std::int64_t{marked[rank]} + step, rank, step == 0));
    text += "\n";
  }
  return text;
}

Fault duplicate_fault(const Pipeline& pipeline, const Schedule& schedule, const Op& op) {
  std::vector<std::string> places;
  std::vector<std::uint32_t> marked(schedule.first.begin(), schedule.first.end() - 1), ranks;
  for (std::uint32_t i = 0; i < schedule.ops.size(); ++i) {
    const Op& other = schedule.ops[i];
    if (!makes_product(other.kind) || product_of(other.kind) != product_of(op.kind) || other.module != op.module ||
        other.stage != op.stage || other.microbatch != op.microbatch || other.part + 1 != other.parts)
      continue;
    const std::uint32_t rank = rank_holding(schedule, i);
    places.push_back(fmt::format("{} step {}", describe(pipeline, schedule, i), i - schedule.first[rank]));
    marked[rank] = i;
    if (ranks.empty() || ranks.back() != rank) ranks.push_back(rank);
  }
  return {FaultKind::duplicate,
          fmt::format("{} is listed {} times: {}", to_string(pipeline, op), places.size(), fmt::join(places, ", ")),
          {},
          grid_around(pipeline, schedule, marked, ranks)};
}

Fault diagnose_stuck(const Pipeline& pipeline, const Schedule& schedule, const std::vector<std::uint32_t>& stuck) {
  const std::vector<Want> wants = collect_wants(pipeline, schedule, stuck);
  for (const Want& want : wants)
    if (want.maker == kUnmade) return missing_fault(pipeline, schedule, want, stuck);
  const std::vector<std::size_t> cycle = find_cycle(schedule, wants);
  BIGMAC_CHECK(!cycle.empty());
  Fault fault;
  std::vector<std::uint32_t> ranks;
  for (const std::size_t rank : cycle) {
    const auto want = std::find_if(wants.begin(), wants.end(), [&](const Want& w) { return w.rank == rank; });
    ranks.push_back(want->rank);
    fault.cycle.push_back(describe(pipeline, schedule, want->stuck));
    const std::uint32_t holder = rank_holding(schedule, want->maker);
    if (stuck[holder] != want->maker) fault.cycle.push_back(describe(pipeline, schedule, want->maker));
  }
  std::sort(ranks.begin(), ranks.end());
  fault.message = fmt::format("deadlock: {} operations wait for one another in a cycle", fault.cycle.size());
  fault.grid = grid_around(pipeline, schedule, stuck, ranks);
  return fault;
}

}  // namespace bigmac
