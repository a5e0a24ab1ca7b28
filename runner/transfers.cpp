#include "bigmac/runner/transfers.h"

#include <algorithm>

#include "bigmac/base/error.h"

namespace bigmac::runner {
namespace {

constexpr std::uint32_t kNoRank = 0xffff'ffffu;

bool of_its_own_pass(const Op& op, const ProductKey& key) { return key.module == op.module && key.stage == op.stage; }

template <class Visit>
void for_each_read(const Pipeline& pipeline, const Op& op, Visit&& visit) {
  if (op.part > 0) return;  // inputs are those of part 0
  for_each_input(pipeline, op, [&](const ProductKey& key) {
    if (!of_its_own_pass(op, key)) visit(key);
  });
}

/// By product number: the rank that makes it.
std::vector<std::uint32_t> owners(const Pipeline& pipeline, const Schedule& schedule, const ProductNumbers& number) {
  std::vector<std::uint32_t> owner(number.count(), kNoRank);
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    for (const Op& op : schedule.rank_ops(RankId{rank}))
      if (makes_product(op.kind)) owner[number({product_of(op.kind), op.module, op.stage, op.microbatch})] = rank;
  static_cast<void>(pipeline);
  return owner;
}

void add_once(std::vector<RankId>& ranks, RankId rank) {
  if (std::find(ranks.begin(), ranks.end(), rank) == ranks.end()) ranks.push_back(rank);
}

/// By product number: the other ranks that read it, for products of `rank` only.
std::vector<std::vector<RankId>> destinations(const Pipeline& pipeline, const Schedule& schedule, RankId rank,
                                              const ProductNumbers& number, const std::vector<std::uint32_t>& owner) {
  std::vector<std::vector<RankId>> out(number.count());
  for (std::uint32_t reader = 0; reader < schedule.ranks(); ++reader)
    for (const Op& op : schedule.rank_ops(RankId{reader}))
      for_each_read(pipeline, op, [&](const ProductKey& key) {
        if (reader != rank.value && owner[number(key)] == rank.value) add_once(out[number(key)], RankId{reader});
      });
  return out;
}

}  // namespace

ProductNumbers::ProductNumbers(const Pipeline& pipeline) : microbatches_(pipeline.microbatches) {
  std::uint32_t stages = 0;
  for (const ModuleShape& module : pipeline.modules) {
    first_.push_back(stages);
    stages += module.stages;
  }
  count_ = stages * kProducts * microbatches_;
}

RankTransfers transfers_of(const Pipeline& pipeline, const Schedule& schedule, RankId rank) {
  const ProductNumbers number(pipeline);
  const auto owner = owners(pipeline, schedule, number);
  const auto sends_to = destinations(pipeline, schedule, rank, number, owner);
  RankTransfers out;
  out.readers.resize(number.count());
  for (const Op& op : schedule.rank_ops(rank)) {
    out.reads.emplace_back();
    for_each_read(pipeline, op, [&](const ProductKey& key) {
      const std::uint32_t from = owner[number(key)];
      BIGMAC_CHECK(from != kNoRank);
      out.reads.back().push_back(key);
      if (out.readers[number(key)]++ == 0 && from != rank.value) out.arrivals.push_back({key, RankId{from}});
    });
    out.arrivals_up_to.push_back(static_cast<std::uint32_t>(out.arrivals.size()));
    const bool makes = makes_product(op.kind) && op.part + 1 == op.parts;
    out.sends.push_back(makes ? sends_to[number({product_of(op.kind), op.module, op.stage, op.microbatch})]
                              : std::vector<RankId>{});
  }
  return out;
}

std::size_t count_transfers(const Pipeline& pipeline, const Schedule& schedule) {
  std::size_t out = 0;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    out += transfers_of(pipeline, schedule, RankId{rank}).arrivals.size();
  return out;
}

}  // namespace bigmac::runner
