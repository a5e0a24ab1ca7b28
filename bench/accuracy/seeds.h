// The papers this project starts from: their printed claims beside what the chain says, constants frozen.
#pragma once

#include <string>

namespace accuracy {

/// Optimus (2408.03505), strong and weak scaling: seconds a step of Megatron-LM, balanced and Optimus, printed and
/// predicted, as Markdown. `jobs`: the folder of configs/jobs.
std::string optimus_table(const std::string& jobs);

/// Its table 1: what of a step is not compute, measured on over 3000 GPUs (models and schedule not printed), and ours
/// of balanced on 3072.
std::string optimus_bubbles(const std::string& jobs);

/// BigMac (2605.25451), workloads A and B over batch sizes and image loads: seconds a step and GB a GPU of BigMac and
/// of the two kinds of baseline it names, each tuned by the same rule.
std::string bigmac_table(const std::string& jobs);

}  // namespace accuracy
