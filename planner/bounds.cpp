// Bounds of a plan before any of its schedules is built.
//
// Let w(r) be rank r's LLM work of one microbatch under the default placement with whole backwards, e and g all encoder
// and generator work, P ranks, M microbatches.
//
// Time of the pipeline. All LLM work of rank r lies after the forwards of stages 0 .. r-1 of its first microbatch and
// before their backwards of its last, so T >= h(r) + M w(r), where h(r) = least Ef + sum over s < r of (F_s + B_s and
// transfers) + least Eb. Outside that window a rank runs encoders or waits: P T >= M sum w + g + max(e, sum h). Ranks
// that hold encoders or generators do all of e and g: with k of them, k T >= e + g + the k least M w. Where encoder
// kernels may ride inside LLM operations (schedule/rides.h), e is what cannot; the first and the last microbatch's pass
// cannot either, since there is no LLM operation before or after it.
//
// Time of the step. What lies outside the pipeline is the most of any rank. A rank's LLM traffic hides in the time
// before its first and after its last LLM operation, so that step >= M w(r) + gradients(r) + parameters(r) +
// optimizer(r); its optimizer and an encoder's traffic hide in nothing, so that step >= T + optimizer(r) + encoder's.
// Of k ranks one has at least the k-th least optimizer(r).
//
// Memory. When rank r's first backward starts (it is the last chunk's, of the first microbatch in order), (V-1) G
// forwards of earlier chunks have run there, G = min(P, M): 1F1B's kind, with whatever warm-up, run forwards group by
// group, and hybrid, which moves backwards against forwards, keeps the order of each. And of the last chunk P-r more,
// or, where backwards may move (free sides), at least one. Then no microbatch has been backwards through stage 0, so
// all that went forwards hold their encoder's activations: on one of k ranks at least 1/k of them; where microbatch m's
// encoder is rank m mod P's, one on every rank (V > 1: a whole group went forwards; of S stages a rank's own of S
// microbatches), where it is the first rank's, all there.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "bigmac/planner/evaluate.h"
#include "bigmac/schedule/rides.h"
#include "bounds.h"

namespace bigmac {
namespace {

std::int64_t duration_of(const CostTable& table, ModuleId module, OpKind kind, std::uint32_t stage, std::uint32_t m) {
  return table.duration[table.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m})].value;
}

std::int64_t side_work(const PlanCosts& costs, const std::vector<ModuleId>& modules) {
  std::int64_t sum = 0;
  for (const ModuleId module : modules)
    for (std::uint32_t i = 0; i < costs.pipeline.microbatches; ++i)
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        if (kind == OpKind::forward || costs.pipeline.modules[module].backward)
          for (std::uint32_t stage = 0; stage < costs.pipeline.modules[module].stages; ++stage)
            sum += duration_of(costs.table, module, kind, stage, i);
  return sum;
}

std::int64_t all_stages(const PlanCosts& costs, ModuleId module, OpKind kind, std::uint32_t m) {
  std::int64_t sum = 0;
  for (std::uint32_t stage = 0; stage < costs.pipeline.modules[module].stages; ++stage)
    sum += duration_of(costs.table, module, kind, stage, m);
  return sum;
}

// The least work of one microbatch's encoders, forward or backward: some encoder precedes the LLM and follows it.
std::int64_t least_encoder_pass(const PlanCosts& costs, OpKind kind) {
  std::int64_t least = INT64_MAX;
  for (std::uint32_t m = 0; m < costs.pipeline.microbatches; ++m) {
    std::int64_t longest = 0;
    for (const ModuleId encoder : costs.pipeline.encoders)
      if (kind == OpKind::forward || costs.pipeline.modules[encoder].backward)
        longest = std::max(longest, all_stages(costs, encoder, kind, m));
    least = std::min(least, longest);
  }
  return least;
}

/// What one rank has to do and hold under the default placement of LLM stages.
struct RankDemand {
  std::int64_t work = 0;   // of one microbatch
  std::int64_t first = 0;  // F and B of its first stage, with the transfers to and from the next
  double activation = 0;   // of one microbatch
  double at_turn = 0;      // activations when its first backward starts
  ModuleDemand llm;
};

RankDemand demand(const PlanCosts& costs, std::uint32_t rank, bool backwards_move) {
  RankDemand out;
  const Pipeline& pipeline = costs.pipeline;
  const CostTable& table = costs.table;
  const std::uint32_t of_last = backwards_move ? 1 : pipeline.ranks - rank;
  for (std::uint32_t stage = rank; stage < pipeline.stages(); stage += pipeline.ranks) {
    const StageId id{static_cast<std::uint16_t>(stage)};
    const std::uint32_t slot = table.slot(kLlm, OpKind::forward, id, MicrobatchId{0});
    const std::int64_t both = table.duration[slot].value + duration_of(table, kLlm, OpKind::backward, stage, 0);
    if (stage == rank) out.first = both + 2 * table.transfer[slot].value;
    out.work += both;
    const auto bytes = static_cast<double>(table.activation[slot].value);
    const bool last = stage + pipeline.ranks >= pipeline.stages();
    out.activation += bytes;
    out.at_turn += bytes * std::min(pipeline.microbatches, last ? of_last : pipeline.ranks);
  }
  return out;
}

double us_of(const OutsidePipeline& outside) { return outside.total_us(); }
std::int64_t ns_of(double us) { return static_cast<std::int64_t>(std::floor(1e3 * us)); }

class Bounds {
 public:
  Bounds(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, SidePlacement sides)
      : job_(job), plan_(plan), costs_(costs), pipeline_(costs.pipeline), sides_(sides) {
    encoders_ = side_work(costs, pipeline_.encoders);
    if (sides == SidePlacement::free_sides || sides == SidePlacement::anywhere)
      encoders_ = std::max<std::int64_t>(0, encoders_ - most_riding_work(pipeline_, costs.table).value);
    generators_ = side_work(costs, pipeline_.generators);
    for (const auto* modules : {&pipeline_.encoders, &pipeline_.generators})
      modules_.insert(modules_.end(), modules->begin(), modules->end());
    const bool backwards_move = sides == SidePlacement::free_sides;
    for (std::uint32_t rank = 0; rank < pipeline_.ranks; ++rank) {
      ranks_.push_back(demand(costs, rank, backwards_move));
      ranks_.back().llm = llm_demand(job, plan, costs, rank);
    }
  }

  std::vector<QuickBound> run() {
    if (sides_ == SidePlacement::anywhere) return {mean()};
    bound_side_passes();
    if (sides_ == SidePlacement::own_ranks) return for_each_split();
    bound_llm();
    if (modules_.empty()) return {made(step_, memory_)};
    // Encoders of several stages over fewer microbatches than ranks: schedules deal them in their own ways.
    const bool own_way = pipeline_.encoder_stages() > 1 && pipeline_.microbatches < pipeline_.ranks;
    if (sides_ == SidePlacement::free_sides || (sides_ == SidePlacement::every_rank && own_way))
      return for_each_number_of_holders();
    return {with_known_holders()};
  }

 private:
  static QuickBound made(std::int64_t step, double memory) {
    return {Nanoseconds{step}, Bytes{static_cast<std::int64_t>(memory)}};
  }
  std::int64_t llm_work(const RankDemand& rank) const { return rank.work * pipeline_.microbatches; }
  double fixed_us(const RankDemand& rank) const {
    return rank.llm.outside.optimizer_us + job_.cluster->training.step_us;
  }

  // Where ranks are free to choose, some rank holds and does at least the mean.
  QuickBound mean() const {
    std::int64_t work = encoders_ + generators_;
    double memory = 0;
    for (const RankDemand& rank : ranks_) {
      work += llm_work(rank);
      memory += rank.llm.state.total() + rank.activation;
    }
    return made(work / pipeline_.ranks + ns_of(job_.cluster->training.step_us), memory / pipeline_.ranks);
  }

  void bound_llm() {
    const bool at_ends = sides_ == SidePlacement::first_and_last;
    std::int64_t before = least_encoder_pass(costs_, OpKind::forward) + least_encoder_pass(costs_, OpKind::backward);
    std::int64_t all = generators_, outside = 0;
    double optimizer = 0;
    for (std::uint32_t rank = 0; rank < pipeline_.ranks; ++rank) {
      const RankDemand& own = ranks_[rank];
      const std::int64_t llm = llm_work(own);
      const std::int64_t with_sides =
          llm + (at_ends && rank == 0 ? encoders_ : 0) + (at_ends && rank + 1 == pipeline_.ranks ? generators_ : 0);
      iteration_ = std::max({iteration_, with_sides, before + llm});
      outside += before;
      before += own.first;
      all += llm;
      memory_ = std::max(memory_, own.llm.state.total() + own.at_turn);
      optimizer = std::max(optimizer, fixed_us(own));
      step_ = std::max(step_, llm + ns_of(us_of(own.llm.outside) + job_.cluster->training.step_us));
    }
    iteration_ = std::max(iteration_, (all + std::max(encoders_, outside)) / pipeline_.ranks);
    step_ = std::max(step_, iteration_ + ns_of(optimizer));
  }

  // The least that a rank holds while it runs some stage of a module forwards, and the least kept of a microbatch in
  // each stage of the first encoder and in all of them.
  void bound_side_passes() {
    side_peak_ = least_kept_ = std::numeric_limits<double>::infinity();
    for (const ModuleId module : modules_)
      for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m) {
        double all = 0;
        const bool returns = module == modules_.front() && pipeline_.modules[module].backward;
        for (std::uint16_t stage = 0; stage < pipeline_.modules[module].stages; ++stage) {
          const std::uint32_t slot = costs_.table.slot(module, OpKind::forward, StageId{stage}, MicrobatchId{m});
          const auto kept = static_cast<double>(costs_.table.activation[slot].value);
          side_peak_ = std::min(side_peak_, kept + static_cast<double>(costs_.table.transient[slot].value));
          all += kept;
          if (returns && m == 0) stage_kept_.push_back(kept);
          if (returns) stage_kept_[stage] = std::min(stage_kept_[stage], kept);
        }
        if (returns) least_kept_ = std::min(least_kept_, all);
      }
    if (pipeline_.encoders.empty() || !std::isfinite(least_kept_)) least_kept_ = 0, stage_kept_.clear();
  }

  // What a rank that runs some stage of a module holds and adds at least, with `holders` ranks like it.
  std::pair<double, double> least_side(std::uint32_t holders) const {
    double bytes = std::numeric_limits<double>::infinity(), us = bytes;
    for (const ModuleId module : modules_)
      for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage) {
        const ModuleDemand own = side_demand(job_, plan_, costs_, module, stage, holders);
        bytes = std::min(bytes, own.state.total());
        us = std::min(us, us_of(own.outside));
      }
    return {bytes, us};
  }

  template <class Of>
  std::vector<double> ascending(Of&& of) const {
    std::vector<double> out;
    for (const RankDemand& rank : ranks_) out.push_back(of(rank));
    std::sort(out.begin(), out.end());
    return out;
  }

  std::vector<QuickBound> for_each_number_of_holders() const {
    const std::vector<double> states = ascending([](const RankDemand& r) { return r.llm.state.total(); });
    const std::vector<double> needs =
        ascending([&](const RankDemand& r) { return r.llm.state.total() + std::max(r.at_turn, side_peak_); });
    const std::vector<double> works = ascending([&](const RankDemand& r) { return static_cast<double>(llm_work(r)); });
    const std::vector<double> fixed = ascending([&](const RankDemand& r) { return fixed_us(r); });
    const std::uint32_t live = pipeline_.chunks > 1 ? std::min(pipeline_.microbatches, pipeline_.ranks) : 1;
    double work = static_cast<double>(encoders_ + generators_);
    std::vector<QuickBound> out;
    for (std::uint32_t k = 1; k <= pipeline_.ranks; ++k) {
      const auto [bytes, us] = least_side(k);
      work += works[k - 1];
      const double share = pipeline_.encoder_stages() > 1 ? 1.0 * live / k : (live + k - 1) / k;
      const double memory = bytes + std::max(needs[k - 1], states[0] + share * least_kept_);
      const std::int64_t iteration = std::max(iteration_, static_cast<std::int64_t>(work / k));
      out.push_back(made(std::max(step_, iteration + ns_of(fixed[k - 1] + us)), std::max(memory_, memory)));
    }
    return corners(std::move(out));
  }

  // e ranks with encoders, g with generators, the LLM on the rest: each part takes its work over its ranks, and some
  // rank of the LLM holds the mean.
  std::vector<QuickBound> for_each_split() const {
    const auto most = [&](const std::vector<ModuleId>& modules) { return modules.empty() ? 0u : pipeline_.ranks - 1; };
    const std::uint32_t parts = 1u + !pipeline_.encoders.empty() + !pipeline_.generators.empty();
    if (pipeline_.ranks < parts) return {mean()};  // refused
    double work = 0, memory = 0;
    for (const RankDemand& rank : ranks_) {
      work += static_cast<double>(llm_work(rank));
      memory += rank.llm.state.total() + rank.activation;
    }
    std::vector<std::pair<double, double>> sides = {{0, 0}};  // by ranks: what one holds and adds
    for (std::uint32_t k = 1; k < pipeline_.ranks; ++k) sides.push_back(least_side(k));
    std::vector<QuickBound> out;
    const std::uint32_t most_e = most(pipeline_.encoders), most_g = most(pipeline_.generators);
    for (std::uint32_t e = std::min(1u, most_e); e <= most_e; ++e)
      for (std::uint32_t g = std::min(1u, most_g); g <= most_g && e + g < pipeline_.ranks; ++g) {
        const double ranks = pipeline_.ranks - e - g;
        double longest = work / ranks, fullest = memory / ranks, us = 0;
        for (const auto& [k, all] : {std::pair{e, encoders_}, std::pair{g, generators_}}) {
          if (k == 0) continue;
          longest = std::max(longest, static_cast<double>(all) / k);
          fullest = std::max(fullest, sides[k].first + side_peak_);
          us = std::max(us, sides[k].second);
        }
        const double fixed = us + job_.cluster->training.step_us;
        out.push_back(made(static_cast<std::int64_t>(longest) + ns_of(fixed), fullest));
      }
    return corners(std::move(out));
  }

  // Those that no other is below in both.
  static std::vector<QuickBound> corners(std::vector<QuickBound> all) {
    std::sort(all.begin(), all.end(), [](const QuickBound& a, const QuickBound& b) {
      return std::pair(a.memory, a.step) < std::pair(b.memory, b.step);
    });
    std::vector<QuickBound> out;
    for (const QuickBound& bound : all)
      if (out.empty() || bound.step < out.back().step) out.push_back(bound);
    return out;
  }

  /// Encoder activations that a rank holds at its first backward, where it is known which are its own.
  double encoders_held(std::uint32_t rank) const {
    if (stage_kept_.empty()) return 0;
    if (sides_ == SidePlacement::first_and_last) return std::min(pipeline_.microbatches, pipeline_.ranks) * least_kept_;
    const std::size_t stages = stage_kept_.size();
    return pipeline_.chunks > 1 ? static_cast<double>(stages) * stage_kept_[rank % stages] : 0;
  }

  QuickBound with_known_holders() const {
    const Residency where = default_residency(pipeline_, sides_);
    double memory = memory_, outside = 0;
    for (std::uint32_t rank = 0; rank < pipeline_.ranks; ++rank) {
      double bytes = ranks_[rank].llm.state.total(), us = fixed_us(ranks_[rank]), peak = ranks_[rank].at_turn;
      for (const ModuleId module : modules_) {
        if (!where.holds(rank, module)) continue;
        for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage) {
          if (!where.stages[rank][module][stage]) continue;
          const ModuleDemand own = side_demand(job_, plan_, costs_, module, stage, where.holders(module, stage));
          bytes += own.state.total();
          us += us_of(own.outside);
        }
        peak = std::max(peak, side_peak_);
        if (module == modules_.front()) peak = std::max(peak, ranks_[rank].at_turn + encoders_held(rank));
      }
      memory = std::max(memory, bytes + peak);
      outside = std::max(outside, us);
    }
    return made(std::max(step_, iteration_ + ns_of(outside)), memory);
  }

  const Job& job_;
  const ParallelPlan& plan_;
  const PlanCosts& costs_;
  const Pipeline& pipeline_;
  SidePlacement sides_;
  std::int64_t encoders_ = 0, generators_ = 0, iteration_ = 0, step_ = 0;
  double memory_ = 0, side_peak_ = 0, least_kept_ = 0;
  std::vector<double> stage_kept_;
  std::vector<ModuleId> modules_;
  std::vector<RankDemand> ranks_;
};

}  // namespace

std::vector<QuickBound> quick_bounds(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                     SidePlacement sides) {
  const bool alone = costs.pipeline.modules.size() == 1;
  if (sides == SidePlacement::one_list && !alone) return list_bounds(job, plan, costs);
  return Bounds(job, plan, costs, sides).run();
}

}  // namespace bigmac
