// LLM pipelines: the order of every rank's LLM operations, before any encoder or generator is placed.
//
// The placements (naive, upfront, bigmac, ...) take such orders and insert their columns. To add one: write its builder
// in a file of its own under sim/schedule/, declare it here and add a row to llm_base.cpp; it then is a schedule by
// itself and a base for every placement.
#pragma once

#include <string>
#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// [rank]: that rank's LLM operations, in execution order.
using RankOrders = std::vector<std::vector<Op>>;

/// What a base is built for.
struct BaseRequest {
  const Pipeline& pipeline;
  const CostTable& costs;
  /// Forwards added to every rank's own warm-up (bounded by what there is). A nested pipeline with a generator needs P
  /// more, so that a whole group's last forwards precede its first backward.
  std::uint32_t extra_warmup = 0;
};

struct LlmBase {
  std::string name;
  std::string summary;
  std::string paper;
  std::string needs;                                 ///< what a pipeline must have, in words
  bool extra_warmup = false;                         ///< whether extra_warmup is honoured
  bool plain = false;                                ///< stage s on rank s mod P, backwards whole
  std::string (*refuses)(const Pipeline& pipeline);  ///< why it cannot run this pipeline, or an empty string
  /// Closed forms emit one rank at a time and allocate nothing else; null for the others.
  void (*append_rank)(const BaseRequest& request, RankId rank, std::vector<Op>& out);
  /// Bases that need all ranks at once; null for the others.
  RankOrders (*build)(const BaseRequest& request);
};

const std::vector<LlmBase>& all_llm_bases();
/// Throws Error{bad_input} listing the known ones.
const LlmBase& find_llm_base(const std::string& name);
RankOrders llm_orders(const LlmBase& base, const BaseRequest& request);

/// The base that fits the pipeline when none is named: interleaved for several chunks, else 1f1b.
std::string default_base(const Pipeline& pipeline);

// Closed forms.
void gpipe_order(const BaseRequest&, RankId, std::vector<Op>& out);
void one_f_one_b_order(const BaseRequest&, RankId, std::vector<Op>& out);
void interleaved_order(const BaseRequest&, RankId, std::vector<Op>& out);
void dualpipe_order(const BaseRequest&, RankId, std::vector<Op>& out);
void dualpipev_order(const BaseRequest&, RankId, std::vector<Op>& out);

/// Where P does not divide M: a last group of M mod P microbatches, or of P more.
enum class LastGroup : std::uint8_t { smaller, larger };
/// interleaved with `warmup` forwards before the first backward, in place of its own count; 1f1b for one chunk. A
/// larger last group needs (V-1) (M mod P) more of them.
void interleaved_with_warmup(const Pipeline& pipeline, RankId rank, std::uint32_t warmup, LastGroup last,
                             std::vector<Op>& out);

// Split backwards, ordered by the real costs.
RankOrders zb_h1_orders(const BaseRequest&);
RankOrders zb_h2_orders(const BaseRequest&);
RankOrders zb_v_orders(const BaseRequest&);
RankOrders v_half_orders(const BaseRequest&);
RankOrders v_min_orders(const BaseRequest&);

}  // namespace bigmac
