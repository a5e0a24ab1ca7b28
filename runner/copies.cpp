#include "copies.h"

#include <algorithm>

#include "bigmac/base/error.h"
#include "pass.h"

namespace bigmac::runner {
namespace {

Tensor flat(const std::vector<Tensors>& blocks) {
  Tensor out;
  for (const Tensors& tensors : blocks)
    for (const Tensor& tensor : tensors)
      out.values.insert(out.values.end(), tensor.values.begin(), tensor.values.end());
  out.shape = {1, static_cast<std::int64_t>(out.values.size())};
  return out;
}

void unflatten(const Tensor& from, std::vector<Tensors>& blocks) {
  auto at = from.values.begin();
  for (Tensors& tensors : blocks)
    for (Tensor& tensor : tensors) {
      const auto count = static_cast<std::ptrdiff_t>(tensor.values.size());
      std::copy(at, at + count, tensor.values.begin());
      at += count;
    }
  BIGMAC_CHECK(at == from.values.end());
}

/// Two messages for each stage and rank: to the first holder and back.
std::uint32_t tag_of(std::size_t stage, RankId rank, std::uint32_t ranks, std::uint32_t way) {
  return (static_cast<std::uint32_t>(stage) * ranks + rank.value) * 2 + way;
}

SharedTensor receive(Messenger& messenger, std::uint32_t tag, RankId source, std::int64_t size) {
  messenger.expect(tag, source, {1, size});
  messenger.wait_for(tag);
  return messenger.take(tag);
}

void send_now(Messenger& messenger, std::uint32_t tag, RankId to, Tensor tensor) {
  messenger.send(tag, to, std::make_shared<const Tensor>(std::move(tensor)), Clock::now());
}

void sum_on_first(Session& session, Messenger& messenger, std::size_t stage, const Holders& of,
                  std::vector<Tensors>& gradient) {
  Tensor sum = flat(gradient);
  for (std::size_t i = 1; i < of.ranks.size(); ++i) {
    const auto other =
        receive(messenger, tag_of(stage, of.ranks[i], session.size(), 0), of.ranks[i], sum.shape.columns);
    for (std::size_t k = 0; k < sum.values.size(); ++k) sum.values[k] += other->values[k];
  }
  for (std::size_t i = 1; i < of.ranks.size(); ++i)
    send_now(messenger, tag_of(stage, of.ranks[i], session.size(), 1), of.ranks[i], sum);
  unflatten(sum, gradient);
}

}  // namespace

std::vector<Holders> holders_of(const Pipeline& pipeline, const Schedule& schedule) {
  std::map<StageKey, std::vector<RankId>> found;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    for (const Op& op : schedule.rank_ops(RankId{rank})) {
      if (!pipeline.modules[op.module].backward) continue;
      auto& ranks = found[{op.module, op.stage}];
      if (ranks.empty() || ranks.back().value != rank) ranks.push_back(RankId{rank});
    }
  std::vector<Holders> out;
  for (auto& [stage, ranks] : found) out.push_back({stage, std::move(ranks)});
  return out;
}

void sum_copies(Session& session, SendMode mode, const std::vector<Holders>& holders, Gradients& gradients) {
  Messenger messenger(session, mode);
  const RankId me = session.rank();
  for (std::size_t s = 0; s < holders.size(); ++s) {
    const auto& ranks = holders[s].ranks;
    if (ranks.size() == 1 || std::find(ranks.begin(), ranks.end(), me) == ranks.end()) continue;
    std::vector<Tensors>& gradient = gradients.at(holders[s].stage);
    if (me == ranks[0]) {
      sum_on_first(session, messenger, s, holders[s], gradient);
      continue;
    }
    Tensor mine = flat(gradient);
    const std::int64_t size = mine.shape.columns;
    send_now(messenger, tag_of(s, me, session.size(), 0), ranks[0], std::move(mine));
    unflatten(*receive(messenger, tag_of(s, me, session.size(), 1), ranks[0], size), gradient);
  }
  messenger.drain();
}

Collected collect(Session& session, SendMode mode, const Model& model, const std::vector<Holders>& holders,
                  const Gradients& gradients) {
  Messenger messenger(session, mode);
  Collected out;
  for (std::size_t s = 0; s < holders.size(); ++s)
    for (const RankId rank : holders[s].ranks) {
      const StageKey key = holders[s].stage;
      const std::uint32_t tag = tag_of(s, rank, session.size(), 0);
      if (session.rank().value != 0) {
        if (rank == session.rank()) send_now(messenger, tag, RankId{0}, flat(gradients.at(key)));
        continue;
      }
      std::vector<Tensors> copy = make_stage(model.chain(key.module, key.stage)).gradients;
      if (rank.value == 0) copy = gradients.at(key);
      else unflatten(*receive(messenger, tag, rank, flat(copy).shape.columns), copy);
      const auto [at, first] = out.gradients.try_emplace(key, copy);
      if (!first && flat(at->second).values != flat(copy).values) out.copies_agree = false;
    }
  messenger.drain();
  session.barrier();
  return out;
}

}  // namespace bigmac::runner
