// Jobs of two ranks and a few microbatches as tasks, for searches that try everything. They share nothing with the
// library but the costs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bigmac/base/random.h"
#include "support.h"

namespace bigmac::test {

struct Task {
  std::int64_t duration = 0, transfer = 0;
  std::uint32_t rank = 0;
  std::vector<std::size_t> inputs = {};
  /// What its rank holds from its start on (+1) or no longer from its end on (-1): an encoder's activation, a chunk's.
  int encoder_held = 0, chunks_held = 0;
};

struct TinyJob {
  Pipeline pipeline;
  CostTable costs;

  Task task(ModuleId module, OpKind kind, std::uint32_t stage, std::uint32_t m, std::uint32_t rank,
            std::vector<std::size_t> inputs) const {
    const std::uint32_t slot = costs.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m});
    const int change = kind == OpKind::forward ? 1 : -1;
    const Role role = pipeline.modules[module].role;
    return {costs.duration[slot].value,
            costs.transfer[slot].value,
            rank,
            std::move(inputs),
            role == Role::encoder && pipeline.modules[module].backward ? change : 0,
            role == Role::llm ? change : 0};
  }

  /// One microbatch after the other; encoder and generator of m on the given ranks. An encoder of two stages begins on
  /// its rank and goes on on the other.
  std::vector<Task> tasks(const std::vector<std::uint32_t>& encoder,
                          const std::vector<std::uint32_t>& generator) const {
    std::vector<Task> out;
    const auto add = [&](Task task) { return out.push_back(std::move(task)), out.size() - 1; };
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) {
      std::vector<std::size_t> input, forwards(pipeline.stages());
      for (const ModuleId module : pipeline.encoders)
        for (std::uint32_t s = 0; s < pipeline.encoder_stages(); ++s)
          input = {add(task(module, OpKind::forward, s, m, (encoder[m] + s) % 2, input))};
      for (std::uint32_t s = 0; s < pipeline.stages(); ++s)
        input = {forwards[s] = add(task(kLlm, OpKind::forward, s, m, s % pipeline.ranks, input))};
      for (const ModuleId module : pipeline.generators)
        for (const OpKind kind : {OpKind::forward, OpKind::backward})
          input = {add(task(module, kind, 0, m, generator[m], input))};
      for (std::uint32_t s = pipeline.stages(); s-- > 0;) {
        input.push_back(forwards[s]);
        input = {add(task(kLlm, OpKind::backward, s, m, s % pipeline.ranks, input))};
      }
      for (const ModuleId module : pipeline.encoders)
        for (std::uint32_t s = pipeline.modules[module].backward ? pipeline.encoder_stages() : 0; s-- > 0;)
          input = {add(task(module, OpKind::backward, s, m, (encoder[m] + s) % 2, input))};
    }
    return out;
  }

  /// Of encoders and generators on the two ranks; stages of an encoder stay where they are.
  template <class Use>
  void for_each_placement(Use&& use) const {
    const std::uint32_t sides = (pipeline.encoders.empty() ? 0 : 1) + (pipeline.generators.empty() ? 0 : 1);
    for (std::uint32_t choice = 0; choice < (1u << (pipeline.microbatches * sides)); ++choice) {
      std::vector<std::uint32_t> encoder, generator;
      for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) {
        encoder.push_back(choice >> m & 1);
        generator.push_back(choice >> (m + pipeline.microbatches) & 1);
      }
      const bool moves = std::adjacent_find(encoder.begin(), encoder.end(), std::not_equal_to<>()) != encoder.end();
      if (pipeline.encoder_stages() == 1 || !moves) use(tasks(encoder, generator));
    }
  }
};

inline TinyJob tiny_job(std::uint64_t seed, std::uint32_t chunks, std::uint32_t microbatches, bool generator,
                        std::uint32_t encoder_stages = 1) {
  Random random(seed);
  const auto series = [&](std::uint32_t stages, std::int64_t most) {
    CostSeries out{stages, microbatches, {}};
    for (std::uint32_t i = 0; i < stages * microbatches; ++i) out.values.push_back(random.integer(0, most));
    return out;
  };
  const auto module = [&](const std::string& name, std::uint32_t stages, std::int64_t most) {
    const std::int64_t transfer = seed % 3 == 0 ? 4 : 0;
    return GivenModuleCosts{name, series(stages, most),  series(stages, 2 * most),    {}, {},
                            {},   CostSeries{1, 1, {1}}, CostSeries{1, 1, {transfer}}};
  };
  GivenCosts costs = {module("llm", 2 * chunks, 20), module("encoder", encoder_stages, seed % 2 == 0 ? 40 : 10)};
  std::vector<std::string> generators;
  if (generator) generators = {"generator"}, costs.push_back(module("generator", 1, 20));
  TinyJob job;
  job.pipeline = make_pipeline(2, chunks, microbatches, {"encoder"}, generators, "test");
  job.pipeline.modules[job.pipeline.encoders[0]].stages = encoder_stages;
  if (seed % 5 == 0) job.pipeline.modules[job.pipeline.encoders[0]].backward = false;
  job.costs = cost_table_from(job.pipeline, costs);
  return job;
}

}  // namespace bigmac::test
