// One rank's share of a column of encoder work, for encoders of one stage or several. Private to the schedule room.
//
// A group is P microbatches. With encoders of S stages each of the P/S encoder pipelines takes S microbatches of the
// group, and each of its ranks one stage of all S: as much work as one whole microbatch. Within a column a stage would
// have to wait for the one before it; so stages are a column apart: where stage S-1 runs group g forward, stage s runs
// group g + S-1-s, and where it runs g backward, stage s runs g - (S-1-s). What the first column lacks comes before it,
// what the last leaves comes after it: S-1 columns more than whole encoders take, whatever M is. Live microbatches of
// stage s: S (W + 2 (S-1-s)), each 1/S of the activations: O(1) in M.
//
//   4 ranks, S = 2, W = 1, M = 12 (0..3 are group 0): ranks 0, 1 are an encoder pipeline, and so are ranks 2, 3
//   0  e0 e1 e4 e5 | ... E-  e8 e9 | ... E0 E1 ... | E4 E5 E8 E9        stage 0 of 0 1, 4 5, 8 9
//   1  e0 e1       | ... E0 E1 e4 e5 | ... E4 E5 e8 e9 | ... E8 E9      stage 1 of the same
#pragma once

#include "op_makers.h"

namespace bigmac {

class EncoderColumns {
 public:
  EncoderColumns(const Pipeline& pipeline, RankId rank)
      : pipeline_(pipeline),
        place_(pipeline, rank),
        groups_((pipeline.microbatches + pipeline.ranks - 1) / pipeline.ranks) {}

  /// The column of forwards in which the last stage runs group g. To be called for g = 0, 1, ...
  void forward(std::uint32_t g, std::vector<Op>& out) const {
    const std::uint32_t ahead = place_.behind();
    for (std::uint32_t k = g == 0 ? 0 : g + ahead; k <= g + ahead && k < groups_; ++k) append(OpKind::forward, k, out);
  }
  void backward(std::uint32_t g, std::vector<Op>& out) const {
    const std::uint32_t late = place_.behind();
    const bool last = g + 1 == groups_;
    if (g < late && !last) return;
    for (std::uint32_t k = g < late ? 0 : g - late; k <= (last ? g : g - late); ++k) append(OpKind::backward, k, out);
  }

 private:
  void append(OpKind kind, std::uint32_t group, std::vector<Op>& out) const {
    const std::uint32_t first = group * pipeline_.ranks + place_.own * place_.stages;
    for (std::uint32_t m = first; m < std::min(first + place_.stages, pipeline_.microbatches); ++m)
      append_modules(pipeline_, pipeline_.encoders, kind, m, out, place_.stage);
  }

  const Pipeline& pipeline_;
  EncoderPlace place_;
  std::uint32_t groups_;
};

}  // namespace bigmac
