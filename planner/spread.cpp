#include "bigmac/planner/spread.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>

#include "bigmac/base/error.h"
#include "bigmac/cost/spread_table.h"
#include "bigmac/planner/space.h"
#include "parallel_for.h"
#include "scenario_timer.h"

namespace bigmac {
namespace {

constexpr std::size_t kChunks = 64;  // of blocks, each with a timer of its own

/// SplitMix64 (Steele, Lea and Flood 2014): a stream of its own for every replica of every batch, begun at no cost.
class Stream {
 public:
  Stream(std::uint64_t seed, std::uint64_t number) : state_(seed * 0xD1342543DE82EF95 ^ number * 0x9E3779B97F4A7C15) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t count) { return static_cast<std::uint32_t>(((next() >> 32) * count) >> 32); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::uint64_t state_;
};

/// The plan's table with a row for each microbatch of every encoder and generator, or of the list in which they stand.
CostTable widened(const Pipeline& pipeline, const CostTable& costs, bool of_list) {
  std::vector<bool> per_microbatch(pipeline.modules.size(), true);
  per_microbatch[0] = of_list || costs.modules[kLlm].per_microbatch != 0;
  return spread_table(pipeline, costs, per_microbatch);
}

/// The LLM's rows as they were: its stages stay the plan's, however many microbatches are drawn.
void keep_llm(const PlanCosts& from, PlanCosts& to) {
  for (std::uint32_t stage = 0; stage < to.pipeline.stages(); ++stage)
    for (const OpKind kind :
         {OpKind::forward, OpKind::backward, OpKind::input_gradient, OpKind::weight_gradient, OpKind::recompute}) {
      const auto slot = [&](const PlanCosts& costs) {
        return costs.table.slot(kLlm, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0});
      };
      to.table.duration[slot(to)] = from.table.duration[slot(from)];
      to.table.transfer[slot(to)] = from.table.transfer[slot(from)];
      if (!to.table.rides.empty() && !from.table.rides.empty()) to.table.rides[slot(to)] = from.table.rides[slot(from)];
    }
  to.partition = from.partition;
  to.again = from.again;
}

/// Costs of microbatches drawn anew.
PlanCosts drawn_pool(const Job& job, const PlanCosts& costs, const ParallelPlan& plan, const SpreadOptions& options) {
  DataSpec data = job.data;
  reseed(data, options.seed);
  std::vector<std::string> notes;
  const auto loads = draw_loads(data, *job.model, options.pool, plan.micro_batch, notes);
  const auto sides = [&](Role role, std::size_t count) {
    std::vector<SharedSide> out;
    for (std::size_t i = 0; i < count; ++i)
      out.push_back(std::make_shared<SideCosts>(side_costs(job, plan, role, i, loads)));
    return out;
  };
  PlanCosts pool =
      plan_costs(job, plan, options.pool, {costs.llm, nullptr}, sides(Role::encoder, job.model->encoders.size()),
                 sides(Role::generator, job.model->generators.size()), &costs);
  if (costs.listed.empty()) keep_llm(costs, pool);
  return pool;
}

/// A row of the wide table that some operation uses.
struct Row {
  ModuleId module;
  OpKind kind;
  StageId stage;
  std::uint32_t microbatch;
};

/// How much of a row's operation rides (schedule/rides.h), and in how long a wait at least.
struct Riding {
  double ns = 0;
  Nanoseconds wait = kMaxCost;
};

class Spreading {
 public:
  Spreading(const Job& job, const ProfileCache& cache, const DetailedPlan& plan, const SpreadOptions& options)
      : plan_(plan),
        options_(options),
        replicas_(static_cast<std::size_t>(plan.evaluation.plan.dp)),
        wide_(widened(plan.file.pipeline, plan.file.costs, plan.evaluation.plan.one_list != OneList::no)),
        pool_(drawn_pool(job, cache.costs(plan.evaluation.plan), plan.evaluation.plan, options)),
        graph_(lowered()),
        timer_(plan.file.schedule, graph_, slot_costs(graph_, wide_), used_rows()) {
    if (!plan.file.schedule.microbatch_order.empty()) rank_by_cost();
    if (!plan.file.schedule.rides.empty()) note_rides(cache.costs(plan.evaluation.plan).table);
  }

  Spread run() {
    const std::size_t count = static_cast<std::size_t>(options_.batches) * replicas_;
    std::vector<double> iteration(count);
    const std::size_t blocks = (count + kLanes - 1) / kLanes;
    parallel_for(kChunks, options_.threads, [&](std::size_t chunk) {
      ScenarioTimer timer = timer_;
      ScenarioBlock block;
      for (std::size_t b = chunk * blocks / kChunks; b < (chunk + 1) * blocks / kChunks; ++b) {
        fill(block, b * kLanes, count);
        double found[kLanes];
        timer.run(block, found);
        for (std::size_t l = 0; l < kLanes && b * kLanes + l < count; ++l) iteration[b * kLanes + l] = found[l];
      }
    });
    return summed_up(iteration);
  }

 private:
  TaskGraph lowered() const {
    auto result = lower(plan_.file.pipeline, plan_.file.schedule, wide_);
    BIGMAC_CHECK(std::holds_alternative<TaskGraph>(result));
    return std::move(std::get<TaskGraph>(result));
  }

  // Rows that the schedule uses of modules whose microbatches differ: encoders, generators, and an LLM in whose list
  // they stand. Remembered in the order of the timer's.
  std::vector<bool> used_rows() {
    std::vector<bool> used(wide_.size(), false);
    std::vector<Row> by_slot(wide_.size());
    for (const Op& op : plan_.file.schedule.ops)
      if (wide_.modules[op.module].per_microbatch != 0) {
        used[wide_.slot(op)] = true;
        by_slot[wide_.slot(op)] = {op.module, op.kind, op.stage, op.microbatch.value};
      }
    for (std::size_t slot = 0; slot < used.size(); ++slot)
      if (used[slot]) rows_.push_back(by_slot[slot]);
    return used;
  }

  // `costs`: the plan's own, before rides are taken off.
  void note_rides(const CostTable& costs) {
    std::map<std::uint32_t, Riding> by_slot;
    for (const Ride& ride : plan_.file.schedule.rides) {
      Riding& own = by_slot[wide_.slot(ride.guest)];
      own.ns =
          static_cast<double>((costs.duration[costs.slot(ride.guest)] - wide_.duration[wide_.slot(ride.guest)]).value);
      const RideShape& waits = costs.rides[costs.slot(ride.host)];
      own.wait = std::min(own.wait, ride.at_ends ? waits.end_length : waits.length);
    }
    for (const Row& row : rows_) {
      const auto known = by_slot.find(wide_.slot(row.module, row.kind, row.stage, MicrobatchId{row.microbatch}));
      riding_.push_back(known == by_slot.end() ? Riding{} : known->second);
    }
  }

  // What a drawn microbatch costs beside rides: no more of it rides than of the plan's own, and nothing where its
  // kernels are longer than the waits.
  double listed(std::size_t v, std::uint32_t slot) const {
    const auto whole = static_cast<double>(pool_.table.duration[slot].value);
    if (riding_.empty() || pool_.table.rides[slot].length > riding_[v].wait) return whole;
    return whole - std::min(whole, riding_[v].ns);
  }

  std::int64_t dearness(const Pipeline& pipeline, const CostTable& table, std::uint32_t m) const {
    std::int64_t sum = 0;
    for (std::size_t id = 1; id < pipeline.modules.size(); ++id) {
      const ModuleId module{static_cast<std::uint8_t>(id)};
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        for (std::uint16_t stage = 0; stage < pipeline.modules[module].stages; ++stage)
          sum += table.duration[table.slot(module, kind, StageId{stage}, MicrobatchId{m})].value;
    }
    return sum;
  }

  // place_[k]: the plan's k-th dearest microbatch; cost_[i]: what the pool's i-th costs.
  void rank_by_cost() {
    const std::uint32_t count = plan_.file.pipeline.microbatches;
    std::vector<std::int64_t> own;
    for (std::uint32_t m = 0; m < count; ++m) own.push_back(dearness(plan_.file.pipeline, wide_, m));
    for (std::uint32_t i = 0; i < pool_.pipeline.microbatches; ++i)
      cost_.push_back(dearness(pool_.pipeline, pool_.table, i));
    place_.resize(count);
    std::iota(place_.begin(), place_.end(), 0u);
    std::stable_sort(place_.begin(), place_.end(), [&](auto a, auto b) { return own[a] > own[b]; });
  }

  // What the microbatches of one replica of one batch are: indices into the pool.
  void draw(std::size_t number, std::vector<std::uint32_t>& drawn) const {
    Stream stream(options_.seed, number);
    for (std::uint32_t& one : drawn) one = stream.below(pool_.pipeline.microbatches);
    if (place_.empty()) return;
    std::vector<std::uint32_t> sorted = drawn;
    std::stable_sort(sorted.begin(), sorted.end(), [&](auto a, auto b) { return cost_[a] > cost_[b]; });
    for (std::size_t k = 0; k < sorted.size(); ++k) drawn[place_[k]] = sorted[k];
  }

  void fill(ScenarioBlock& block, std::size_t first, std::size_t count) const {
    block.duration.resize(rows_.size() * kLanes);
    block.transfer.resize(rows_.size() * kLanes);
    std::vector<std::uint32_t> drawn(plan_.file.pipeline.microbatches);
    for (std::size_t l = 0; l < kLanes; ++l) {
      draw(std::min(first + l, count - 1), drawn);
      for (std::size_t v = 0; v < rows_.size(); ++v) {
        const Row& row = rows_[v];
        const std::uint32_t slot =
            pool_.table.slot(row.module, row.kind, row.stage, MicrobatchId{drawn[row.microbatch]});
        block.duration[v * kLanes + l] = listed(v, slot);
        block.transfer[v * kLanes + l] = static_cast<double>(pool_.table.transfer[slot].value);
      }
    }
    if (options_.jitter > 0 || options_.straggler_share > 0) slow_down(block, first);
  }

  void slow_down(ScenarioBlock& block, std::size_t first) const {
    const std::uint32_t ranks = plan_.file.pipeline.ranks;
    block.slowness.resize(ranks * kLanes);
    for (std::size_t l = 0; l < kLanes; ++l) {
      Stream stream(~options_.seed, first + l);
      for (std::uint32_t r = 0; r < ranks; ++r) {
        const double noise = std::exp(options_.jitter * stream.normal());
        const bool straggles = stream.uniform() < options_.straggler_share;
        block.slowness[r * kLanes + l] = noise * (straggles ? options_.straggler_factor : 1);
      }
    }
  }

  Spread summed_up(const std::vector<double>& iteration) const {
    const Nanoseconds outside = plan_.evaluation.step - plan_.evaluation.iteration;
    Spread out;
    double sum = 0;
    for (std::size_t b = 0; b < static_cast<std::size_t>(options_.batches); ++b) {
      const auto begin = iteration.begin() + static_cast<std::ptrdiff_t>(b * replicas_);
      const double slowest = *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(replicas_));
      out.steps.push_back(Nanoseconds{std::llround(slowest)} + outside);
      sum += static_cast<double>(out.steps.back().value);
    }
    std::sort(out.steps.begin(), out.steps.end());
    out.mean = Nanoseconds{std::llround(sum / static_cast<double>(options_.batches))};
    return out;
  }

  const DetailedPlan& plan_;
  const SpreadOptions& options_;
  std::size_t replicas_;
  CostTable wide_;
  PlanCosts pool_;
  TaskGraph graph_;
  std::vector<Row> rows_;
  std::vector<Riding> riding_;  // by row; empty where nothing rides
  ScenarioTimer timer_;
  std::vector<std::uint32_t> place_;
  std::vector<std::int64_t> cost_;
};

}  // namespace

Nanoseconds Spread::quantile(double share) const {
  BIGMAC_CHECK(!steps.empty() && share > 0 && share <= 1);
  const auto count = static_cast<double>(steps.size());
  return steps[static_cast<std::size_t>(std::ceil(share * count - 1e-9)) - 1];
}

Spread step_spread(const Job& job, const ProfileCache& cache, const DetailedPlan& plan, const SpreadOptions& options) {
  if (options.batches < 1 || options.batches > 10'000'000 || options.pool < 1 || options.pool > kMaxMicrobatches)
    bad_input("spread", "expected 1 to 10,000,000 batches and 1 to 2^20 microbatches in the pool");
  return Spreading(job, cache, plan, options).run();
}

}  // namespace bigmac
