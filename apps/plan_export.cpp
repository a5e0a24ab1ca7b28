#include "plan_export.h"

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/trainer_files.h"
#include "program.h"

namespace bigmac::apps {

int export_plan(const ExportArguments& arguments) {
  if (arguments.format != "megatron-args" && arguments.format != "torchtitan")
    bad_input("--format", unknown_name("format", arguments.format, {"megatron-args", "torchtitan"}));
  const std::string text = read_text_file(arguments.plan);
  const PlanFile plan = read_plan_file(text, arguments.plan);
  for (const std::string& one : plan.read.notes) note(one);
  const LayerKinds kinds = read_layer_kinds(text, arguments.plan);
  const Export out =
      arguments.format == "torchtitan" ? torchtitan_configuration(plan, kinds) : megatron_arguments(plan, kinds);
  write_text_file(arguments.output, out.text);
  for (const std::string& dropped : out.dropped) note("not carried: " + dropped);
  return kDone;
}

}  // namespace bigmac::apps
