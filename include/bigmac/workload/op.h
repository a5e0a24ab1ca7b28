// An operation: one module's pass over one microbatch on one stage, the atom of every schedule.
//
// Printed the way torch.distributed.pipelining prints it, with the stage in front: `2F0` is the
// forward of microbatch 0 on LLM stage 2; encoder and generator operations show their module's
// name instead of a stage: `encoder:F0`.
#pragma once

#include <cstdint>

#include "bigmac/base/ids.h"

namespace bigmac {

enum class OpKind : std::uint8_t {
  forward,          ///< F
  backward,         ///< B: input and weight gradient in one
  input_gradient,   ///< I
  weight_gradient,  ///< W
  recompute         ///< R: a forward done again for its activations
};
inline constexpr int kOpKinds = 5;

/// F, B, I, W or R.
constexpr char letter(OpKind kind) { return "FBIWR"[static_cast<int>(kind)]; }

/// 12 bytes; a schedule of half a million operations is 6 MB.
struct Op {
  MicrobatchId microbatch;
  StageId stage;  ///< LLM: global virtual stage; encoder: its own stage; generator: 0
  ModuleId module;
  OpKind kind = OpKind::forward;
  std::uint16_t part = 0;  ///< which part, when cut into `parts` with other work between them
  std::uint16_t parts = 1;

  friend bool operator==(const Op&, const Op&) = default;
};
static_assert(sizeof(Op) == 12);

}  // namespace bigmac
