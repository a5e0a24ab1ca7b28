#include "oracle/random_jobs.h"

#include <algorithm>
#include <random>

#include <nlohmann/json.hpp>

namespace bigmac::oracle {
namespace {

using Json = nlohmann::ordered_json;

/// Draws costs. The standard's distributions differ between libraries, so `%` it is.
struct Draw {
  std::mt19937_64 engine;
  const RandomJobOptions& options;
  JobShape shape;

  std::int64_t upto(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t n) { return upto(1, n) == 1; }
  std::int64_t cost() {
    if (options.zeros && one_in(8)) return 0;
    return upto(1, options.max_cost);
  }
};

Json per_microbatch(Draw& draw) {
  if (!draw.options.vary_microbatches || draw.one_in(2)) return draw.cost();
  Json array = Json::array();
  for (int i = 0; i < draw.shape.microbatches; ++i) array.push_back(draw.cost());
  return array;
}

/// Any form that the contract allows. For the LLM a bare array is per stage.
Json any_form(Draw& draw, bool llm) {
  if (!llm) return per_microbatch(draw);
  if (draw.one_in(3)) return draw.cost();
  const auto stages = static_cast<std::size_t>(draw.shape.ranks * draw.shape.chunks);
  Json array(stages, per_microbatch(draw));
  if (draw.options.vary_stages)
    for (Json& entry : array) entry = per_microbatch(draw);
  return array;
}

/// A value of the same form with every number drawn anew.
Json same_form(Draw& draw, const Json& form) {
  if (!form.is_array()) return draw.cost();
  Json array = Json::array();
  for (const Json& entry : form) array.push_back(same_form(draw, entry));
  return array;
}

Json sum(const Json& a, const Json& b) {
  if (!a.is_array()) return a.get<std::int64_t>() + b.get<std::int64_t>();
  Json array = Json::array();
  for (std::size_t i = 0; i < a.size(); ++i) array.push_back(sum(a[i], b[i]));
  return array;
}

Json module_costs(Draw& draw, bool llm) {
  if (draw.options.zeros && draw.one_in(16)) return {{"F", 0}, {"B", 0}};
  Json costs = Json::object();
  costs["F"] = any_form(draw, llm);
  if (draw.options.split && draw.one_in(2)) {
    const Json input = any_form(draw, llm);
    const Json weight = same_form(draw, input);
    costs["B"] = sum(input, weight);
    costs["I"] = input;
    costs["W"] = weight;
  } else {
    costs["B"] = any_form(draw, llm);
  }
  if (!draw.one_in(4)) costs["activation_bytes"] = any_form(draw, llm);
  if (draw.options.transfers && draw.one_in(2)) costs["transfer"] = any_form(draw, llm);
  return costs;
}

Json job(Draw& draw) {
  const JobShape& shape = draw.shape;
  Json job = {{"schema", "bigmac.job/1"},
              {"pipeline", {{"ranks", shape.ranks}, {"chunks", shape.chunks}, {"microbatches", shape.microbatches}}}};
  const bool encoder = draw.options.encoder.value_or(draw.one_in(2));
  const bool generator = draw.options.generator.value_or(draw.one_in(2));
  job["costs_ns"]["llm"] = module_costs(draw, true);
  if (encoder) job["costs_ns"]["encoder"] = module_costs(draw, false);
  if (generator) job["costs_ns"]["generator"] = module_costs(draw, false);
  return job;
}

JobShape random_shape(Draw& draw) {
  JobShape shape;
  shape.ranks = static_cast<int>(draw.upto(1, draw.options.max_ranks));
  shape.chunks = static_cast<int>(draw.upto(1, draw.options.max_chunks));
  if (draw.options.microbatches_multiple_of_ranks) {
    const int groups = std::max(1, draw.options.max_microbatches / shape.ranks);
    shape.microbatches = shape.ranks * static_cast<int>(draw.upto(1, groups));
  } else {
    shape.microbatches = static_cast<int>(draw.upto(1, draw.options.max_microbatches));
  }
  return shape;
}

}  // namespace

std::string random_job(std::uint64_t seed, const RandomJobOptions& options) {
  Draw draw{std::mt19937_64(seed), options, {}};
  draw.shape = random_shape(draw);
  return job(draw).dump(1) + "\n";
}

std::string random_job(std::uint64_t seed, const JobShape& shape, const RandomJobOptions& options) {
  Draw draw{std::mt19937_64(seed), options, shape};
  return job(draw).dump(1) + "\n";
}

}  // namespace bigmac::oracle
