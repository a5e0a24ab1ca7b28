#include "bigmac/schedule/registry.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/llm_base.h"

namespace bigmac {
namespace {

using Refusal = std::optional<std::string>;

Refusal reason_or_nothing(const std::string& reason) { return reason.empty() ? Refusal{} : Refusal{reason}; }

Refusal refuse_side_modules(const ScheduleRequest& request) {
  if (!request.pipeline.encoders.empty() || !request.pipeline.generators.empty())
    return "a base pipeline alone runs jobs without encoder and generator; use naive, upfront or bigmac with --base " +
           request.base;
  return reason_or_nothing(find_llm_base(request.base).refuses(request.pipeline));
}

Refusal refuse_what_base_refuses(const ScheduleRequest& request) {
  return reason_or_nothing(find_llm_base(request.base).refuses(request.pipeline));
}

Refusal refuse_bigmac(const ScheduleRequest& request) {
  if (!request.pipeline.generators.empty() && !find_llm_base(request.base).extra_warmup)
    return fmt::format("a generator column needs a base whose warm-up can be lengthened, and that of {} cannot",
                       request.base);
  return refuse_what_base_refuses(request);
}

Refusal refuse_optimus(const ScheduleRequest& request) {
  if (!request.pipeline.generators.empty())
    return "Optimus places encoders only: a generator lies between the LLM's own forwards and backwards; use bigmac "
           "or upfront";
  return refuse_what_base_refuses(request);
}

Refusal refuse_nothing(const ScheduleRequest&) { return std::nullopt; }

Refusal refuse_disaggregated(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  const std::uint32_t needed = 1 + (pipeline.encoders.empty() ? 0 : 1) + (pipeline.generators.empty() ? 0 : 1);
  if (pipeline.ranks >= needed) return std::nullopt;
  return fmt::format("needs {} ranks, one for each of encoder, LLM and generator, and the job has {}", needed,
                     pipeline.ranks);
}

std::vector<std::string> base_names() {
  std::vector<std::string> names;
  for (const LlmBase& base : all_llm_bases()) names.push_back(base.name);
  return names;
}

constexpr SidePlacement kEnds = SidePlacement::first_and_last, kSpread = SidePlacement::every_rank,
                        kAnywhere = SidePlacement::anywhere;

/// A row for each base pipeline alone.
std::vector<ScheduleInfo> base_rows() {
  std::vector<ScheduleInfo> rows;
  for (const LlmBase& base : all_llm_bases())
    rows.push_back({base.name,
                    base.summary,
                    base.paper,
                    base.needs + "; no encoder, no generator",
                    {},
                    {},
                    true,
                    kEnds,
                    refuse_side_modules,
                    build_base_alone});
  return rows;
}

std::vector<ScheduleInfo> make_table() {
  const std::vector<std::string> bases = base_names();
  const ScheduleParameter warmup_groups{"encoder_warmup_groups",
                                        "encoder-forward columns in front: the cap on live encoder microbatches", 1,
                                        kMaxMicrobatches, 3};
  const ScheduleParameter sort{
      "sort_microbatches", "1: microbatches of like cost share a column", 0, 1, 0, {1}, "+sort"};
  const ScheduleParameter packing{"packing", "0: coarse, 1: also the paper's greedy, 2: also minimal shift", 0, 2, 2};
  std::vector<ScheduleInfo> table = base_rows();
  table.push_back({"naive",
                   "encoder in the first stage, generator in the last",
                   "Megatron-LM, 2104.04473",
                   "what its base requires",
                   bases,
                   {},
                   false,
                   kEnds,
                   refuse_what_base_refuses,
                   build_naive});
  table.push_back({"upfront",
                   "all encoder forwards first, all backwards last",
                   "the unlimited-memory ideal of 2605.25451",
                   "what its base requires; with a generator the LLM runs gpipe",
                   bases,
                   {},
                   false,
                   kSpread,
                   refuse_what_base_refuses,
                   build_upfront});
  table.push_back({"bigmac",
                   "encoder and generator columns nested into the LLM",
                   "BigMac 2026, 2605.25451",
                   "what its base requires; with a generator 1f1b or interleaved",
                   bases,
                   {warmup_groups, sort},
                   false,
                   kSpread,
                   refuse_bigmac,
                   build_bigmac});
  const ScheduleParameter encoder_ranks{"encoder_ranks", "ranks that run encoders only; 0: the best split", 0,
                                        kMaxRanks, 0};
  const ScheduleParameter generator_ranks{"generator_ranks", "ranks that run generators only; 0: the best split", 0,
                                          kMaxRanks, 0};
  table.push_back({"balanced",
                   "one linear list split evenly over virtual stages",
                   "Megatron-LM balanced, in 2408.03505",
                   "nothing",
                   {},
                   {},
                   false,
                   kAnywhere,
                   refuse_nothing,
                   build_balanced});
  table.push_back({"disaggregated",
                   "encoder, LLM and generator on ranks of their own",
                   "DistTrain 2024, 2408.04275",
                   "a rank for each: 2 with an encoder or a generator, 3 with both",
                   {},
                   {encoder_ranks, generator_ranks},
                   false,
                   kAnywhere,
                   refuse_disaggregated,
                   build_disaggregated});
  table.push_back({"optimus",
                   "encoder work in the bubbles of the LLM pipeline",
                   "Optimus 2025, 2408.03505",
                   "what its base requires; no generator",
                   {"1f1b", "interleaved"},
                   {packing},
                   false,
                   kSpread,
                   refuse_optimus,
                   build_optimus});
  return table;
}

void check_base(const ScheduleInfo& info, const std::string& base) {
  if (info.bases.empty()) bad_input("--base", fmt::format("{} takes no base", info.name));
  if (std::find(info.bases.begin(), info.bases.end(), base) == info.bases.end())
    bad_input("--base", unknown_name("base pipeline for " + info.name, base, info.bases));
}

void check_parameter(const ScheduleInfo& info, const std::string& name, std::int64_t value) {
  std::vector<std::string> known;
  for (const ScheduleParameter& parameter : info.parameters) {
    known.push_back(parameter.name);
    if (parameter.name != name) continue;
    if (value < parameter.least || value > parameter.most)
      bad_input("--set " + name,
                fmt::format("expected an integer from {} to {}, found {}", parameter.least, parameter.most, value));
    return;
  }
  if (known.empty()) bad_input("--set " + name, info.name + " has no parameters");
  bad_input("--set", unknown_name("parameter of " + info.name, name, known));
}

// A base pipeline alone is its own base.
ScheduleRequest with_base(const ScheduleInfo& info, ScheduleRequest request) {
  if (info.is_base) request.base = info.name;
  else if (request.base.empty() && !info.bases.empty()) request.base = default_base(request.pipeline);
  return request;
}

}  // namespace

const std::vector<ScheduleInfo>& all_schedules() {
  static const std::vector<ScheduleInfo> table = make_table();
  return table;
}

const ScheduleInfo& find_schedule(const std::string& name) {
  std::vector<std::string> known;
  for (const ScheduleInfo& info : all_schedules()) {
    if (info.name == name) return info;
    known.push_back(info.name);
  }
  bad_input("--schedule", unknown_name("schedule", name, known));
}

bool schedule_fits(const ScheduleInfo& info, const ScheduleRequest& request) {
  return !info.refuses(with_base(info, request)).has_value();
}

Schedule build_schedule(const std::string& name, const ScheduleRequest& request) {
  const ScheduleInfo& info = find_schedule(name);
  if (!request.base.empty()) check_base(info, request.base);
  for (const auto& [parameter, value] : request.parameters) check_parameter(info, parameter, value);
  const ScheduleRequest full = with_base(info, request);
  if (const auto reason = info.refuses(full)) bad_input("--schedule " + name, *reason);
  Schedule schedule = info.build(full);
  schedule.name = name;
  if (schedule.base.empty() && !info.bases.empty()) schedule.base = full.base;
  return schedule;
}

}  // namespace bigmac
