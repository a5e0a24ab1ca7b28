#include "bigmac/schedule/llm_base.h"

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

std::string refuse_nothing(const Pipeline&) { return ""; }

std::string refuse_several_chunks(const Pipeline& pipeline) {
  if (pipeline.chunks == 1) return "";
  return fmt::format("1f1b runs one chunk per rank and the job has {}; use interleaved, or chunks = 1",
                     pipeline.chunks);
}

std::string refuse_partial_groups(const Pipeline& pipeline) {
  if (pipeline.chunks == 1 || pipeline.microbatches % pipeline.ranks == 0) return "";
  return fmt::format("interleaved needs microbatches divisible by ranks, and {} is not by {}", pipeline.microbatches,
                     pipeline.ranks);
}

std::vector<LlmBase> make_bases() {
  return {
      {"gpipe", "all forwards, then all backwards", "Huang et al. 2019, 1811.06965", "nothing", true, refuse_nothing,
       gpipe_order, nullptr},
      {"1f1b", "one forward, one backward after a warm-up", "Narayanan et al. 2021, 2104.04473", "chunks = 1", true,
       refuse_several_chunks, one_f_one_b_order, nullptr},
      {"interleaved", "1F1B over several chunks per rank", "Narayanan et al. 2021, 2104.04473",
       "microbatches divisible by ranks", true, refuse_partial_groups, interleaved_order, nullptr},
  };
}

}  // namespace

const std::vector<LlmBase>& all_llm_bases() {
  static const std::vector<LlmBase> bases = make_bases();
  return bases;
}

const LlmBase& find_llm_base(const std::string& name) {
  std::vector<std::string> known;
  for (const LlmBase& base : all_llm_bases()) {
    if (base.name == name) return base;
    known.push_back(base.name);
  }
  bad_input("--base", unknown_name("base pipeline", name, known));
}

RankOrders llm_orders(const LlmBase& base, const BaseRequest& request) {
  if (base.build != nullptr) return base.build(request);
  RankOrders orders(request.pipeline.ranks);
  for (std::uint32_t rank = 0; rank < request.pipeline.ranks; ++rank)
    base.append_rank(request, RankId{rank}, orders[rank]);
  return orders;
}

std::string default_base(const Pipeline& pipeline) { return pipeline.chunks > 1 ? "interleaved" : "1f1b"; }

}  // namespace bigmac
