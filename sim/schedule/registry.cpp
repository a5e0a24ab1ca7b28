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

constexpr std::int64_t kMaxSearchFills = 1'000'000;

constexpr SidePlacement kEnds = SidePlacement::first_and_last, kSpread = SidePlacement::every_rank,
                        kAnywhere = SidePlacement::anywhere;

/// A row for each base pipeline alone.
std::vector<ScheduleInfo> base_rows() {
  std::vector<ScheduleInfo> rows;
  for (const LlmBase& base : all_llm_bases())
    rows.push_back({.name = base.name,
                    .summary = base.summary,
                    .paper = base.paper,
                    .needs = base.needs + "; no encoder, no generator",
                    .is_base = true,
                    .sides = base.plain ? kEnds : kAnywhere,
                    .refuses = refuse_side_modules,
                    .build = build_base_alone});
  return rows;
}

ScheduleInfo naive_row() {
  return {.name = "naive",
          .summary = "encoder in the first stage, generator in the last",
          .paper = "Megatron-LM, 2104.04473",
          .needs = "what its base requires",
          .bases = base_names(),
          .encoder_stages = true,
          .sides = kEnds,
          .refuses = refuse_what_base_refuses,
          .build = build_naive};
}

ScheduleInfo upfront_row() {
  return {.name = "upfront",
          .summary = "all encoder forwards first, all backwards last",
          .paper = "the unlimited-memory ideal of 2605.25451",
          .needs = "what its base requires; with a generator the LLM runs gpipe",
          .bases = base_names(),
          .encoder_stages = true,
          .refuses = refuse_what_base_refuses,
          .build = build_upfront};
}

ScheduleInfo bigmac_row() {
  const ScheduleParameter warmup_groups{"encoder_warmup_groups",
                                        "encoder-forward columns in front: the cap on live encoder microbatches",
                                        1,
                                        kMaxMicrobatches,
                                        3,
                                        {2, 4},
                                        {},
                                        "-w{}",
                                        true};
  const ScheduleParameter sort{
      "sort_microbatches", "1: microbatches of like cost share a column", 0, 1, 0, {1}, {}, "+sort"};
  return {.name = "bigmac",
          .summary = "encoder and generator columns nested into the LLM",
          .paper = "BigMac 2026, 2605.25451",
          .needs = "what its base requires; with a generator gpipe, 1f1b or interleaved",
          .bases = base_names(),
          .parameters = {warmup_groups, sort},
          .encoder_stages = true,
          .refuses = refuse_bigmac,
          .build = build_bigmac};
}

ScheduleInfo balanced_row() {
  const ScheduleParameter by_flops{
      "by_flops", "what a model's layers are weighed by: 1 FLOPs, as the paper does; 0 their times", 0, 1, 0};
  return {.name = "balanced",
          .summary = "one linear list split evenly over virtual stages",
          .paper = "Megatron-LM balanced, in 2408.03505",
          .needs = "nothing",
          .parameters = {by_flops},
          .one_list = true,
          .sides = SidePlacement::one_list,
          .refuses = refuse_nothing,
          .build = build_balanced};
}

ScheduleInfo disaggregated_row() {
  const ScheduleParameter encoder_ranks{"encoder_ranks", "ranks that run encoders only; 0: the best split", 0,
                                        kMaxRanks, 0};
  const ScheduleParameter generator_ranks{"generator_ranks", "ranks that run generators only; 0: the best split", 0,
                                          kMaxRanks, 0};
  return {.name = "disaggregated",
          .summary = "encoder, LLM and generator on ranks of their own",
          .paper = "DistTrain 2024, 2408.04275",
          .needs = "a rank for each: 2 with an encoder or a generator, 3 with both",
          .parameters = {encoder_ranks, generator_ranks},
          .thorough = true,
          .sides = SidePlacement::own_ranks,
          .refuses = refuse_disaggregated,
          .build = build_disaggregated};
}

ScheduleInfo optimus_row() {
  const ScheduleParameter packing{"packing", "0: coarse, 1: also the paper's greedy, 2: also minimal shift", 0, 2, 2};
  const ScheduleParameter waits{"tensor_waits", "1: encoder kernels also in the LLM's tensor-parallel waits", 0, 1, 1};
  return {.name = "optimus",
          .summary = "encoder work in the bubbles of the LLM pipeline",
          .paper = "Optimus 2025, 2408.03505",
          .needs = "what its base requires; no generator",
          .bases = {"1f1b", "interleaved"},
          .parameters = {packing, waits},
          .encoder_stages = true,
          .thorough = true,
          .sides = SidePlacement::free_sides,
          .refuses = refuse_optimus,
          .build = build_optimus};
}

ScheduleInfo hybrid_row() {
  const ScheduleParameter live_limit{
      "encoder_live_limit", "most encoder microbatches a rank may hold", 1, kMaxMicrobatches, {}, {4, 8}, {}, "-{}"};
  const ScheduleParameter llm_limit{
      "llm_live_limit", "most LLM chunk activations a rank may hold", 1, kMaxOperations, {}};
  const ScheduleParameter memory{
      "memory_limit",
      "most bytes a GPU may hold: each rank as many encoder microbatches as that leaves room for",
      1,
      kMaxBytes.value,
      {}};
  const ScheduleParameter fills{"search_fills",
                                "fills of each local search; 0: none, absent: by the size of the job",
                                0,
                                kMaxSearchFills,
                                {},
                                {},
                                0};
  return {.name = "hybrid",
          .summary = "idle ranks do slices of encoder and generator work",
          .paper = "ours",
          .needs = "what its base requires",
          .bases = base_names(),
          .parameters = {live_limit, llm_limit, memory, fills},
          .refines = true,
          .encoder_stages = true,
          .thorough = true,
          .sides = SidePlacement::free_sides,
          .refuses = refuse_what_base_refuses,
          .build = build_hybrid};
}

std::vector<ScheduleInfo> make_table() {
  std::vector<ScheduleInfo> table = base_rows();
  for (const ScheduleInfo& row :
       {naive_row(), balanced_row(), disaggregated_row(), upfront_row(), optimus_row(), bigmac_row(), hybrid_row()})
    table.push_back(row);
  return table;
}

/// Why encoders of several stages cannot be scheduled so, or nothing.
Refusal refuse_encoder_stages(const ScheduleInfo& info, const Pipeline& pipeline) {
  const std::uint32_t stages = pipeline.encoder_stages();
  if (stages == 1) return std::nullopt;
  if (!info.encoder_stages)
    return info.name + " runs a whole encoder on one rank; use upfront, optimus, bigmac or hybrid";
  for (const ModuleId encoder : pipeline.encoders)
    if (pipeline.modules[encoder].stages != stages)
      return fmt::format("encoders of {} and {} stages do not share pipelines; give all the same", stages,
                         pipeline.modules[encoder].stages);
  if (pipeline.ranks % stages != 0)
    return fmt::format("{} ranks do not make encoder pipelines of {} stages", pipeline.ranks, stages);
  return std::nullopt;
}

Refusal reason_against(const ScheduleInfo& info, const ScheduleRequest& request) {
  if (Refusal stages = refuse_encoder_stages(info, request.pipeline)) return stages;
  return info.refuses(request);
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

void check_choice(const ScheduleInfo& info, const std::string& base,
                  const std::map<std::string, std::int64_t>& parameters) {
  if (!base.empty()) check_base(info, base);
  for (const auto& [parameter, value] : parameters) check_parameter(info, parameter, value);
}

bool schedule_fits(const ScheduleInfo& info, const ScheduleRequest& request) {
  return !reason_against(info, with_base(info, request)).has_value();
}

Schedule build_schedule(const std::string& name, const ScheduleRequest& request) {
  const ScheduleInfo& info = find_schedule(name);
  check_choice(info, request.base, request.parameters);
  const ScheduleRequest full = with_base(info, request);
  if (const auto reason = reason_against(info, full)) bad_input("--schedule " + name, *reason);
  Schedule schedule = info.build(full);
  schedule.name = name;
  if (schedule.base.empty() && !info.bases.empty()) schedule.base = full.base;
  return schedule;
}

}  // namespace bigmac
