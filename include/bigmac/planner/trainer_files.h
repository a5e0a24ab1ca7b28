// A plan as what trainers load: Megatron-LM's arguments with its pipeline layout, and a torchtitan configuration.
//
// Each says what the trainer has no place for, and is read back by the strict readers below before it is handed out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bigmac/planner/plan_file.h"
#include "bigmac/report/exports.h"

namespace bigmac {

/// Kinds of each stage's layers ("embedding", "transformer", "head"), in order.
using LayerKinds = std::vector<std::vector<std::string>>;

/// One argument a line, with its value. Throws Error{bad_input} for plans without a partition.
Export megatron_arguments(const PlanFile& plan, const LayerKinds& kinds);

/// torchtitan's TOML. The order of operations goes beside it, as torch-csv.
Export torchtitan_configuration(const PlanFile& plan, const LayerKinds& kinds);

/// --pipeline-model-parallel-layout: stages of symbols E t m L, each with its repetitions written out. Throws
/// Error{bad_input} at `where` with the position of what is no symbol, a count below 1, nested or unbalanced brackets,
/// E elsewhere than first, L elsewhere than last, more than 65,535 stages or 1,000,000 layers.
std::vector<std::string> parse_megatron_layout(const std::string& text, const std::string& where);

/// Arguments by name, without their dashes; flags have no value. Throws Error{bad_input} for a line that is no
/// argument and for one given twice.
std::map<std::string, std::string> parse_arguments(const std::string& text, const std::string& where);

/// "section.key" -> the value's text: an integer, a quoted string, or lists of lists of quoted strings on one line.
/// Throws Error{bad_input} for anything else TOML may hold.
std::map<std::string, std::string> parse_configuration(const std::string& text, const std::string& where);

}  // namespace bigmac
