#include "bigmac/schedule/registry.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/llm_order.h"

namespace bigmac {
namespace {

using Refusal = std::optional<std::string>;

Refusal refuse_unless_alone(const ScheduleRequest& request, const std::string& base) {
  if (!request.pipeline.encoders.empty() || !request.pipeline.generators.empty())
    return "a base pipeline alone runs jobs without encoder and generator; use naive, upfront or bigmac with --base " +
           base;
  const std::string reason = base_refuses(base, request.pipeline);
  return reason.empty() ? Refusal{} : Refusal{reason};
}

Refusal refuse_gpipe(const ScheduleRequest& request) { return refuse_unless_alone(request, "gpipe"); }
Refusal refuse_one_f_one_b(const ScheduleRequest& request) { return refuse_unless_alone(request, "1f1b"); }
Refusal refuse_interleaved(const ScheduleRequest& request) { return refuse_unless_alone(request, "interleaved"); }

Refusal refuse_placement(const ScheduleRequest& request) {
  const std::string reason = base_refuses(request.base, request.pipeline);
  return reason.empty() ? Refusal{} : Refusal{reason};
}

std::vector<ScheduleInfo> make_table() {
  const std::vector<std::string> any_base = {"gpipe", "1f1b", "interleaved"};
  const ScheduleParameter warmup_groups{"encoder_warmup_groups",
                                        "encoder-forward columns in front: the cap on live encoder microbatches", 1,
                                        kMaxMicrobatches, 3};
  constexpr SidePlacement ends = SidePlacement::first_and_last, spread = SidePlacement::every_rank;
  const ScheduleParameter sort{"sort_microbatches", "1: microbatches of like cost share a column", 0, 1, 0};
  return {
      {"gpipe",
       "all forwards, then all backwards",
       "Huang et al. 2019, 1811.06965",
       "no encoder, no generator",
       {},
       {},
       ends,
       refuse_gpipe,
       build_gpipe},
      {"1f1b",
       "one forward, one backward after a warm-up",
       "Narayanan et al. 2021, 2104.04473",
       "chunks = 1; no encoder, no generator",
       {},
       {},
       ends,
       refuse_one_f_one_b,
       build_one_f_one_b},
      {"interleaved",
       "1F1B over several chunks per rank",
       "Narayanan et al. 2021, 2104.04473",
       "microbatches divisible by ranks; no encoder, no generator",
       {},
       {},
       ends,
       refuse_interleaved,
       build_interleaved},
      {"naive",
       "encoder in the first stage, generator in the last",
       "Megatron-LM, 2104.04473",
       "what its base requires",
       any_base,
       {},
       ends,
       refuse_placement,
       build_naive},
      {"upfront",
       "all encoder forwards first, all backwards last",
       "the unlimited-memory ideal of 2605.25451",
       "what its base requires; with a generator the LLM runs gpipe",
       any_base,
       {},
       spread,
       refuse_placement,
       build_upfront},
      {"bigmac",
       "encoder and generator columns nested into the LLM",
       "BigMac 2026, 2605.25451",
       "what its base requires",
       {"1f1b", "interleaved"},
       {warmup_groups, sort},
       spread,
       refuse_placement,
       build_bigmac},
  };
}

void check_base(const ScheduleInfo& info, const std::string& base) {
  if (info.bases.empty()) bad_input("--base", fmt::format("{} is a base pipeline itself and takes no base", info.name));
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

ScheduleRequest with_base(const ScheduleInfo& info, ScheduleRequest request) {
  if (request.base.empty() && !info.bases.empty()) request.base = default_base(request.pipeline);
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
  if (schedule.base.empty()) schedule.base = full.base;
  return schedule;
}

}  // namespace bigmac
