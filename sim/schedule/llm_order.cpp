#include "bigmac/schedule/llm_order.h"

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac {

LlmOrder find_llm_order(const std::string& base) {
  if (base == "gpipe") return gpipe_order;
  if (base == "1f1b") return one_f_one_b_order;
  if (base == "interleaved") return interleaved_order;
  bad_input("--base", unknown_name("base pipeline", base, {"gpipe", "1f1b", "interleaved"}));
}

std::string default_base(const Pipeline& pipeline) { return pipeline.chunks > 1 ? "interleaved" : "1f1b"; }

std::string base_refuses(const std::string& base, const Pipeline& pipeline) {
  if (base == "1f1b" && pipeline.chunks > 1)
    return fmt::format("1f1b runs one chunk per rank and the job has {}; use interleaved, or chunks = 1",
                       pipeline.chunks);
  if (base == "interleaved" && pipeline.chunks > 1 && pipeline.microbatches % pipeline.ranks != 0)
    return fmt::format("interleaved needs microbatches divisible by ranks, and {} is not by {}", pipeline.microbatches,
                       pipeline.ranks);
  return "";
}

}  // namespace bigmac
