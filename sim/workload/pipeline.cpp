#include "bigmac/workload/pipeline.h"

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

void check_range(const std::string& where, const char* key, std::int64_t value, std::int64_t most) {
  if (value < 1 || value > most)
    bad_input(where + "/" + key, fmt::format("expected an integer from 1 to {}, found {}", most, value));
}

ModuleId add_module(Pipeline& pipeline, const std::string& name, Role role, std::uint32_t stages) {
  pipeline.modules.items.push_back({name, role, stages, true});
  return ModuleId{static_cast<std::uint8_t>(pipeline.modules.size() - 1)};
}

}  // namespace

std::int64_t Pipeline::operations() const {
  std::int64_t passes = 0;
  for (const ModuleShape& module : modules)
    passes += (module.backward ? 2 : 1) * static_cast<std::int64_t>(module.stages);
  return passes * microbatches;
}

Pipeline make_pipeline(std::int64_t ranks, std::int64_t chunks, std::int64_t microbatches,
                       const std::vector<std::string>& encoders, const std::vector<std::string>& generators,
                       const std::string& where) {
  check_range(where, "ranks", ranks, kMaxRanks);
  check_range(where, "chunks", chunks, kMaxChunks);
  check_range(where, "microbatches", microbatches, kMaxMicrobatches);
  if (ranks * chunks > kMaxStages)
    bad_input(where, fmt::format("ranks x chunks = {} stages; at most {}", ranks * chunks, kMaxStages));
  if (1 + encoders.size() + generators.size() > kMaxModules)
    bad_input(where, fmt::format("at most {} encoders and generators", kMaxModules - 1));
  Pipeline pipeline;
  pipeline.ranks = static_cast<std::uint32_t>(ranks);
  pipeline.chunks = static_cast<std::uint32_t>(chunks);
  pipeline.microbatches = static_cast<std::uint32_t>(microbatches);
  add_module(pipeline, "llm", Role::llm, pipeline.stages());
  for (const std::string& name : encoders) pipeline.encoders.push_back(add_module(pipeline, name, Role::encoder, 1));
  for (const std::string& name : generators)
    pipeline.generators.push_back(add_module(pipeline, name, Role::generator, 1));
  if (pipeline.operations() > kMaxOperations)
    bad_input(where, fmt::format("{} operations; at most {}", pipeline.operations(), kMaxOperations));
  return pipeline;
}

std::string to_string(const Pipeline& pipeline, const Op& op) {
  const ModuleShape& module = pipeline.modules[op.module];
  std::string text = module.role == Role::llm
                         ? fmt::format("{}{}{}", op.stage.value, letter(op.kind), op.microbatch.value)
                         : fmt::format("{}:{}{}", module.name, letter(op.kind), op.microbatch.value);
  if (module.role != Role::llm && module.stages > 1) text = fmt::format("{}.{}", op.stage.value, text);
  if (op.parts > 1) text += fmt::format("[{}/{}]", op.part, op.parts);
  return text;
}

}  // namespace bigmac
