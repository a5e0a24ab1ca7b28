// LLM pipelines: the order of one rank's forwards and backwards, before any encoder is placed.
//
// The placements (naive, upfront, bigmac, ...) take such an order and insert their columns.
#pragma once

#include <string>
#include <vector>

#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// Appends rank `rank`'s LLM operations. `extra_warmup` forwards are added to the base's own warm-up
/// (bounded by what there is): the nested pipeline with a generator needs P more.
using LlmOrder = void (*)(const Pipeline& pipeline, RankId rank, std::uint32_t extra_warmup, std::vector<Op>& out);

/// All forwards, then all backwards (GPipe, Huang et al. 2019, 1811.06965); chunks in order.
void gpipe_order(const Pipeline&, RankId, std::uint32_t extra_warmup, std::vector<Op>& out);
/// One forward, one backward (PipeDream-flush, Narayanan et al. 2021, 2104.04473, section 2.2).
void one_f_one_b_order(const Pipeline&, RankId, std::uint32_t extra_warmup, std::vector<Op>& out);
/// Interleaved 1F1B (Narayanan et al. 2021, section 2.2; Megatron-LM's order in groups of P).
void interleaved_order(const Pipeline&, RankId, std::uint32_t extra_warmup, std::vector<Op>& out);

/// The order named so (gpipe, 1f1b, interleaved); throws Error{bad_input} listing the known ones.
LlmOrder find_llm_order(const std::string& base);

/// The base that fits the pipeline when none is named: interleaved for several chunks, else 1f1b.
std::string default_base(const Pipeline& pipeline);

/// Why `base` cannot run this pipeline, or an empty string.
std::string base_refuses(const std::string& base, const Pipeline& pipeline);

}  // namespace bigmac
