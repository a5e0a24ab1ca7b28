// What in-process tests share: abstract jobs from a few numbers, and one call that simulates.
#pragma once

#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "bigmac/report/outcome.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/schedule/registry.h"

namespace bigmac::test {

/// Uniform costs of an abstract job; encoder and generator are there when their costs are not 0.
struct Uniform {
  std::int64_t ranks = 4, chunks = 2, microbatches = 8;
  std::int64_t forward = 1000, backward = 2000;
  std::int64_t encoder_forward = 0, encoder_backward = 0, generator_forward = 0, generator_backward = 0;
  std::int64_t transfer = 0;
};

inline GivenModuleCosts given(const std::string& name, std::int64_t forward, std::int64_t backward, std::int64_t bytes,
                              std::int64_t transfer) {
  const auto constant = [](std::int64_t value) { return CostSeries{1, 1, {value}}; };
  return {name, constant(forward), constant(backward), {}, {}, {}, constant(bytes), constant(transfer)};
}

inline ScheduleFile abstract_file(const Uniform& u) {
  std::vector<std::string> encoders, generators;
  GivenCosts costs = {given("llm", u.forward, u.backward, 100, u.transfer)};
  if (u.encoder_forward > 0) {
    encoders = {"encoder"};
    costs.push_back(given("encoder", u.encoder_forward, u.encoder_backward, 10, u.transfer));
  }
  if (u.generator_forward > 0) {
    generators = {"generator"};
    costs.push_back(given("generator", u.generator_forward, u.generator_backward, 10, u.transfer));
  }
  ScheduleFile file;
  file.pipeline = make_pipeline(u.ranks, u.chunks, u.microbatches, encoders, generators, "test");
  file.costs = cost_table_from(file.pipeline, costs);
  return file;
}

/// `u`'s encoder, a whole one's F, B and bytes, in `stages` equal stages.
inline ScheduleFile in_stages(const Uniform& u, std::uint32_t stages) {
  ScheduleFile file = abstract_file(u);
  GivenCosts costs = given_costs_from(file.pipeline, file.costs);
  file.pipeline.modules.items[1].stages = stages;
  for (CostSeries* series : {&costs[1].forward, &costs[1].backward, &costs[1].activation_bytes})
    for (std::int64_t& value : series->values) value /= stages;
  costs[1].input_gradient = costs[1].weight_gradient = costs[1].recompute = {};
  file.costs = cost_table_from(file.pipeline, costs);
  return file;
}

/// Builds `name` into the file and simulates it; a schedule that cannot run fails the test.
inline Outcome simulate_or_fail(ScheduleFile& file, const std::string& name,
                                const std::map<std::string, std::int64_t>& parameters = {},
                                const std::string& base = "") {
  const CostTable costs = file.before_rides ? *file.before_rides : file.costs;
  file.schedule = build_schedule(name, {file.pipeline, costs, base, parameters});
  file.take_costs(costs);
  auto result = simulate(file.pipeline, file.costs, file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) {
    ADD_FAILURE() << name << ": " << fault->message;
    return {};
  }
  return std::move(std::get<Outcome>(result));
}

inline std::uint32_t live(const RankActivations& rank, Role role) { return rank.live[static_cast<std::size_t>(role)]; }

}  // namespace bigmac::test
