#include "hybrid_emit.h"

#include <algorithm>
#include <bit>

#include "assemble.h"

namespace bigmac::hybrid {
namespace {

/// Slices of one kind of work, put together again as far as nothing came between them.
class Joiner {
 public:
  Joiner(const SideWork& work, std::size_t positions)
      : work_(work), finest_(positions * work.stages() * work.segments().size(), 0) {}

  /// An interruption before slice k: the cuts of a segment are multiples of 2^n slices, n as large as possible.
  void cut(std::uint32_t piece, std::uint32_t k) {
    const std::uint32_t at = k % work_.parts();
    if (at != 0) finest_[index(piece, k / work_.parts())] |= at;
  }
  void append(const Entry& entry, const std::vector<MicrobatchId>& order, std::vector<Op>& out) const {
    const MicrobatchId microbatch = order[entry.what / work_.stages()];
    const StageId stage{static_cast<std::uint16_t>(entry.what % work_.stages())};
    for (std::uint32_t k = entry.first; k < entry.first + std::uint32_t{entry.count};) {
      const std::uint32_t s = k / work_.parts(), step = length(entry.what, s);
      const Segment& segment = work_.segments()[s];
      out.push_back({microbatch, stage, segment.module, segment.kind,
                     static_cast<std::uint16_t>(k % work_.parts() / step),
                     static_cast<std::uint16_t>(work_.parts() / step)});
      k += step;
    }
  }

 private:
  std::size_t index(std::uint32_t piece, std::uint32_t segment) const {
    return piece * work_.segments().size() + segment;
  }
  /// Slices per part: the largest power of two that divides every cut.
  std::uint32_t length(std::uint32_t piece, std::uint32_t segment) const {
    const std::uint32_t cuts = finest_[index(piece, segment)];
    return cuts == 0 ? work_.parts() : 1u << std::countr_zero(cuts);
  }

  const SideWork& work_;
  std::vector<std::uint32_t> finest_;  // all cuts of a segment, or-ed
};

}  // namespace

Schedule emit(const Pipeline& pipeline, const LlmClock& llm, const Sides& sides, const Filled& filled,
              const std::vector<MicrobatchId>& order) {
  std::array<Joiner, 3> joiners{Joiner(sides.forward, order.size()), Joiner(sides.backward, order.size()),
                                Joiner(sides.generator, order.size())};
  const auto joiner = [&](Work work) -> Joiner& { return joiners[static_cast<std::size_t>(work) - 1]; };
  for (const std::vector<Entry>& entries : filled.ranks)
    for (const Entry& entry : entries)
      if (entry.work != Work::llm) joiner(entry.work).cut(entry.what, entry.first);
  return assemble(pipeline, [&](RankId rank, std::vector<Op>& out) {
    for (const Entry& entry : filled.ranks[rank.value])
      if (entry.work == Work::llm) {
        out.push_back(llm.ops[entry.what]);
        out.back().microbatch = order[out.back().microbatch.value];
      } else {
        joiner(entry.work).append(entry, order, out);
      }
  });
}

}  // namespace bigmac::hybrid
