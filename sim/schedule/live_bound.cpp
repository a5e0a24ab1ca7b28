#include "live_bound.h"

#include <functional>
#include <numeric>

#include "bigmac/schedule/rides.h"
#include "job_chains.h"

namespace bigmac {
namespace {

constexpr std::int64_t kUnset = INT64_MAX;

std::int64_t divided_up(std::int64_t sum, std::int64_t by) { return (sum + by - 1) / by; }

/// Sums of the first so many: count + 1 of them.
std::vector<std::int64_t> sums(const std::vector<std::int64_t>& values) {
  std::vector<std::int64_t> out(values.size() + 1, 0);
  std::partial_sum(values.begin(), values.end(), out.begin() + 1);
  return out;
}

std::int64_t dearest(std::vector<std::int64_t> values, std::size_t count) {
  count = std::min(count, values.size());
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), values.end(), std::greater<>());
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), std::int64_t{0});
}

/// What of the encoders may lie in the windows at one end of the iteration, and when what they make is there at best.
struct EncoderSupply {
  std::int64_t on_one = 0, in_all = 0;  ///< X1, X
  std::size_t microbatches = 0;         ///< that leave them
  std::vector<std::int64_t> ready;      ///< by group of P microbatches: c of its first
};

/// One end of the iteration: the begin, or the end in reversed time with backwards in the place of forwards.
class End {
 public:
  End(const Pipeline& pipeline, const CostTable& costs, const LiveLimits& limits, OpKind kind)
      : pipeline_(pipeline),
        limits_(limits),
        chains_(pipeline, costs),
        kind_(kind),
        other_(kind == OpKind::forward ? OpKind::backward : OpKind::forward),
        rides_(most_riding_work(pipeline, costs).value > 0),
        first_(pipeline.stages(), kUnset),
        lag_(pipeline.stages(), kUnset),
        window_(pipeline.ranks, kUnset) {
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) follow(MicrobatchId{m});
    supply_ = encoder_supply();
    for (std::uint32_t r = 0; r < pipeline.ranks; ++r) gaps_.push_back(gap(r));
  }

  std::int64_t before(std::uint32_t rank) const { return first_[rank]; }  ///< h_r
  std::int64_t window(std::uint32_t rank) const { return window_[rank]; }
  std::int64_t gap_of(std::uint32_t rank) const { return gaps_[rank]; }
  /// Of such gaps, at least so much stays idle.
  std::int64_t idle(const std::vector<std::int64_t>& gaps) const {
    std::int64_t single = 0, all = -supply_.in_all;
    for (const std::int64_t gap : gaps) single += std::max<std::int64_t>(0, gap - supply_.on_one), all += gap;
    return std::max(single, all);
  }

 private:
  void follow(MicrobatchId m) {
    const std::int64_t encoder = chains_.encoder(kind_, m);
    std::int64_t at = 0;
    for (std::uint32_t stage = 0; stage < pipeline_.stages(); ++stage) {
      if (stage > 0) at += chains_.link(kind_, stage, m);
      lag_[stage] = std::min(lag_[stage], at);
      first_[stage] = std::min(first_[stage], encoder + at);
      at += chains_.cost(kLlm, kind_, stage, m);
    }
    at += encoder;
    const std::int64_t generator = pipeline_.generators.empty() ? kUnset : at;
    at += chains_.generator(m);
    for (std::uint32_t stage = pipeline_.stages(); stage-- > pipeline_.stages() - pipeline_.ranks;) {
      std::int64_t& window = window_[stage % pipeline_.ranks];
      window = std::min({window, at, generator});
      at += chains_.cost(kLlm, other_, stage, m) + (stage > 0 ? chains_.link(other_, stage, m) : 0);
    }
  }

  std::vector<std::int64_t> passes(ModuleId module) const {
    std::vector<std::int64_t> out;
    for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m)
      for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage)
        out.push_back(chains_.cost(module, kind_, stage, MicrobatchId{m}));
    return out;
  }

  EncoderSupply encoder_supply() const {
    EncoderSupply out;
    out.microbatches = pipeline_.microbatches;
    for (const ModuleId module : pipeline_.encoders) {
      if (kind_ == OpKind::backward && !pipeline_.modules[module].backward) continue;
      const std::vector<std::int64_t> all = passes(module);
      const bool limited = limits_.encoder && pipeline_.modules[module].backward;
      const std::size_t most = limited ? std::min<std::size_t>(all.size(), *limits_.encoder) : all.size();
      const std::size_t in_all = std::min(all.size(), most * pipeline_.ranks);
      out.on_one += dearest(all, most);
      out.in_all += dearest(all, in_all);
      out.microbatches = std::min(out.microbatches, in_all / pipeline_.modules[module].stages);
    }
    out.ready.assign((out.microbatches + pipeline_.ranks - 1) / pipeline_.ranks, 0);
    if (rides_) return out;  // what rides takes no time of its rank
    std::vector<std::int64_t> totals(pipeline_.microbatches, 0);
    for (const ModuleId module : pipeline_.encoders)
      for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m)
        totals[m] += chains_.all_stages(module, kind_, MicrobatchId{m});
    spread_evenly(std::move(totals), out.ready);
    for (const ModuleId module : pipeline_.encoders)
      if (pipeline_.modules[module].stages == 1 && (kind_ == OpKind::forward || pipeline_.modules[module].backward))
        one_by_one(passes(module), out.ready);
    return out;
  }
  /// Of i = group * P + 1 microbatches all work is done.
  void spread_evenly(std::vector<std::int64_t> totals, std::vector<std::int64_t>& ready) const {
    std::sort(totals.begin(), totals.end());
    const std::vector<std::int64_t> cheapest = sums(totals);
    for (std::size_t group = 0; group < ready.size(); ++group)
      ready[group] = std::max(ready[group], divided_up(cheapest[group * pipeline_.ranks + 1], pipeline_.ranks));
  }
  /// Some rank has done group + 1 of these.
  static void one_by_one(std::vector<std::int64_t> passes, std::vector<std::int64_t>& ready) {
    std::sort(passes.begin(), passes.end());
    const std::vector<std::int64_t> cheapest = sums(passes);
    for (std::size_t group = 0; group < ready.size(); ++group)
      ready[group] = std::max(ready[group], cheapest[group + 1]);
  }

  /// Work that may be there from a time on.
  using Release = std::pair<std::int64_t, std::int64_t>;

  std::int64_t gap(std::uint32_t rank) const {
    std::vector<std::int64_t> all;
    std::vector<Release> releases;
    for (std::uint32_t stage = rank; stage < pipeline_.stages(); stage += pipeline_.ranks) {
      std::vector<std::int64_t> passes;
      for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m)
        passes.push_back(chains_.cost(kLlm, kind_, stage, MicrobatchId{m}));
      all.insert(all.end(), passes.begin(), passes.end());
      std::sort(passes.begin(), passes.end(), std::greater<>());
      release(stage, sums(passes), releases);
    }
    std::sort(releases.begin(), releases.end());
    const std::int64_t most = limits_.llm ? dearest(std::move(all), *limits_.llm) : kUnset;
    std::int64_t there = 0, out = 0;
    for (const auto& [at, work] : releases) out = std::max(out, at - std::min(most, there)), there += work;
    return std::max(out, window_[rank] - std::min(most, there));
  }
  /// Group after group of P microbatches, while the rank's window lasts.
  void release(std::uint32_t stage, const std::vector<std::int64_t>& dearest, std::vector<Release>& out) const {
    const std::size_t ranks = pipeline_.ranks;
    for (std::size_t group = 0; group < supply_.ready.size(); ++group) {
      const std::int64_t at = std::max(first_[stage], supply_.ready[group] + lag_[stage]);
      if (at >= window_[stage % ranks]) return;
      const std::size_t end = std::min(supply_.microbatches, (group + 1) * ranks);
      out.emplace_back(at, dearest[end] - dearest[group * ranks]);
    }
  }

  const Pipeline& pipeline_;
  const LiveLimits& limits_;
  const JobChains chains_;
  OpKind kind_, other_;
  bool rides_;
  std::vector<std::int64_t> first_, lag_;    // by stage: least way to it through an encoder, and from its end
  std::vector<std::int64_t> window_, gaps_;  // by rank: b, gap
  EncoderSupply supply_;
};

class LiveBound {
 public:
  LiveBound(const Pipeline& pipeline, const CostTable& costs, const LiveLimits& limits)
      : pipeline_(pipeline),
        limits_(limits),
        chains_(pipeline, costs),
        begin_(pipeline, costs, limits, OpKind::forward),
        end_(pipeline, costs, limits, OpKind::backward),
        work_(pipeline.ranks, 0) {
    for (std::uint32_t stage = 0; stage < pipeline.stages(); ++stage)
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        for (std::uint32_t m = 0; m < pipeline.microbatches; ++m)
          work_[stage % pipeline.ranks] += chains_.cost(kLlm, kind, stage, MicrobatchId{m});
    const std::int64_t encoders = all_work(pipeline.encoders);
    listed_ = std::max<std::int64_t>(0, encoders - most_riding_work(pipeline, costs).value);
    total_ = std::accumulate(work_.begin(), work_.end(), listed_ + all_work(pipeline.generators));
  }

  std::int64_t raised(std::int64_t bound) const {
    bound = std::max({bound, encoders_held(), chunks_held()});
    for (std::int64_t before = -1; before != bound;) {
      before = bound;
      bound = std::max(bound, with_gaps_at(bound));
    }
    return bound;
  }

 private:
  std::int64_t all_work(const std::vector<ModuleId>& modules) const {
    std::int64_t sum = 0;
    for (const ModuleId module : modules)
      for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m)
        for (const OpKind kind : {OpKind::forward, OpKind::backward})
          sum += chains_.all_stages(module, kind, MicrobatchId{m});
    return sum;
  }

  /// By stage: m's chain from the start of F there to the end of B.
  std::vector<std::int64_t> llm_chains(MicrobatchId m) const {
    std::vector<std::int64_t> out(pipeline_.stages());
    std::int64_t sum = chains_.generator(m);
    for (std::uint32_t stage = pipeline_.stages(); stage-- > 0;) {
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        sum += chains_.cost(kLlm, kind, stage, m) +
               (stage + 1 < pipeline_.stages() ? chains_.link(kind, stage + 1, m) : 0);
      out[stage] = sum;
    }
    return out;
  }

  std::int64_t encoders_held() const {
    if (!limits_.encoder) return 0;
    std::int64_t most = 0;
    for (const ModuleId module : pipeline_.encoders) {
      if (!pipeline_.modules[module].backward) continue;
      std::int64_t sum = 0;
      for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m) {
        std::int64_t chain = llm_chains(MicrobatchId{m})[0];
        for (std::uint32_t stage = pipeline_.modules[module].stages; stage-- > 0;) {
          for (const OpKind kind : {OpKind::forward, OpKind::backward})
            chain += chains_.cost(module, kind, stage, MicrobatchId{m});
          sum += chain;
        }
      }
      most = std::max(most, divided_up(sum, std::int64_t{*limits_.encoder} * pipeline_.ranks));
    }
    return most;
  }

  std::int64_t chunks_held() const {
    if (!limits_.llm) return 0;
    std::vector<std::int64_t> held(pipeline_.ranks, 0);
    for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m) {
      const std::vector<std::int64_t> chains = llm_chains(MicrobatchId{m});
      for (std::uint32_t stage = 0; stage < pipeline_.stages(); ++stage) held[stage % pipeline_.ranks] += chains[stage];
    }
    std::int64_t most = 0;
    for (std::uint32_t r = 0; r < pipeline_.ranks; ++r)
      most = std::max(most, begin_.before(r) + divided_up(held[r], *limits_.llm) + end_.before(r));
    return most;
  }

  /// The bound with the gaps that count for an iteration of at least `time`.
  std::int64_t with_gaps_at(std::int64_t time) const {
    std::int64_t best = 0, all = 0;
    std::vector<std::int64_t> first, last;
    for (std::uint32_t r = 0; r < pipeline_.ranks; ++r) {
      first.push_back(begin_.gap_of(r)), last.push_back(end_.gap_of(r));
      if (begin_.window(r) + end_.window(r) > time) (first[r] < last[r] ? first : last)[r] = 0;
      best = std::max(best, first[r] + work_[r] + last[r]);
      all += first[r] + last[r];
    }
    const std::int64_t idle = std::max(begin_.idle(first) + end_.idle(last), all - listed_);
    return std::max(best, divided_up(total_ + idle, pipeline_.ranks));
  }

  const Pipeline& pipeline_;
  const LiveLimits& limits_;
  const JobChains chains_;
  const End begin_, end_;
  std::vector<std::int64_t> work_;       // by rank: w
  std::int64_t listed_ = 0, total_ = 0;  // encoder work that does not ride; all work that does not
};

}  // namespace

std::int64_t live_bound(const Pipeline& pipeline, const CostTable& costs, const LiveLimits& limits,
                        std::int64_t at_least) {
  return LiveBound(pipeline, costs, limits).raised(at_least);
}

}  // namespace bigmac
