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

std::string refuse_all_but_one_chunk(const Pipeline& pipeline) {
  if (pipeline.chunks == 1) return "";
  return fmt::format("zb-h1 and zb-h2 run one chunk per rank and the job has {}; use zb-v for two, or chunks = 1",
                     pipeline.chunks);
}

std::string refuse_all_but_two_chunks(const Pipeline& pipeline) {
  if (pipeline.chunks == 2) return "";
  return fmt::format("a V-shape holds two chunks per rank (stages r and 2P-1-r) and the job has {}; set chunks = 2",
                     pipeline.chunks);
}

std::string refuse_what_dualpipe_does(const Pipeline& pipeline) {
  if (pipeline.chunks != 1)
    return fmt::format("dualpipe runs one chunk per direction and the job has {}; set chunks = 1", pipeline.chunks);
  if (pipeline.ranks % 2 != 0) return fmt::format("dualpipe needs an even number of ranks, not {}", pipeline.ranks);
  if (pipeline.microbatches % 2 != 0)
    return fmt::format("dualpipe halves the microbatches between two directions, and {} is odd", pipeline.microbatches);
  if (pipeline.microbatches >= 2 * pipeline.ranks) return "";
  return fmt::format("dualpipe needs at least twice as many microbatches as ranks: {} < 2 x {}", pipeline.microbatches,
                     pipeline.ranks);
}

std::string refuse_what_dualpipev_does(const Pipeline& pipeline) {
  if (pipeline.chunks != 2) return refuse_all_but_two_chunks(pipeline);
  if (pipeline.microbatches >= 2 * pipeline.ranks) return "";
  return fmt::format("dualpipev needs at least twice as many microbatches as ranks: {} < 2 x {}", pipeline.microbatches,
                     pipeline.ranks);
}

constexpr const char* kDualPipe = "DeepSeek-AI 2024, 2412.19437";
constexpr const char* kZeroBubble = "Qi et al. 2024, 2401.10241";
constexpr const char* kControllable = "Qi et al. 2024, 2405.15362";

std::vector<LlmBase> make_bases() {
  return {
      {"gpipe", "all forwards, then all backwards", "Huang et al. 2019, 1811.06965", "nothing", true, true,
       refuse_nothing, gpipe_order, nullptr},
      {"1f1b", "one forward, one backward after a warm-up", "Narayanan et al. 2021, 2104.04473", "chunks = 1", true,
       true, refuse_several_chunks, one_f_one_b_order, nullptr},
      {"interleaved", "1F1B over several chunks per rank", "Narayanan et al. 2021, 2104.04473", "nothing", true, true,
       refuse_nothing, interleaved_order, nullptr},
      {"zb-h1", "weight gradients fill bubbles, in 1F1B's memory", kZeroBubble, "chunks = 1", false, false,
       refuse_all_but_one_chunk, nullptr, zb_h1_orders},
      {"zb-h2", "weight gradients fill bubbles, in twice 1F1B's memory", kZeroBubble, "chunks = 1", false, false,
       refuse_all_but_one_chunk, nullptr, zb_h2_orders},
      {"zb-v", "zero bubble over a V of two chunks, in 1F1B's memory", kZeroBubble, "chunks = 2", false, false,
       refuse_all_but_two_chunks, nullptr, zb_v_orders},
      {"v-half", "a V of two chunks in half of 1F1B's memory", kControllable, "chunks = 2", false, false,
       refuse_all_but_two_chunks, nullptr, v_half_orders},
      {"v-min", "a V of two chunks in a third of 1F1B's memory", kControllable, "chunks = 2", false, false,
       refuse_all_but_two_chunks, nullptr, v_min_orders},
      {"dualpipe", "two directions over the same ranks, parameters twice", kDualPipe,
       "chunks = 1, an even number of ranks, an even number of microbatches >= 2 ranks", false, false,
       refuse_what_dualpipe_does, dualpipe_order, nullptr},
      {"dualpipev", "dualpipe folded into a V of two chunks", "deepseek-ai/DualPipe 2025",
       "chunks = 2, microbatches >= 2 ranks", false, false, refuse_what_dualpipev_does, dualpipev_order, nullptr},
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
