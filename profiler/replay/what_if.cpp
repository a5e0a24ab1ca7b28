#include "bigmac/profiler/what_if.h"

#include <cmath>
#include <regex>
#include <unordered_map>

#include "bigmac/base/error.h"
#include "bigmac/profiler/kernel_class.h"

namespace bigmac {
namespace {

constexpr double kMaxFactor = 1000;

void check_factor(double factor, const std::string& where) {
  if (!(factor >= 0 && factor <= kMaxFactor)) bad_input(where, "expected a factor from 0 to 1000");
}

std::regex compiled(const std::string& pattern) {
  try {
    return std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    bad_input(pattern, std::string("not a regular expression: ") + error.what());
  }
}

/// Whether each name of the trace matches, asked once a name.
class Matcher {
 public:
  Matcher(const Trace& trace, const std::string& pattern) : trace_(trace), regex_(compiled(pattern)) {}

  bool operator()(NameId name) {
    const auto [known, is_new] = known_.try_emplace(name.value, false);
    if (is_new) {
      const std::string_view text = trace_.names[name];
      known->second = std::regex_search(text.begin(), text.end(), regex_);
    }
    return known->second;
  }

 private:
  const Trace& trace_;
  std::regex regex_;
  std::unordered_map<std::uint32_t, bool> known_;
};

class Changer {
 public:
  Changer(const Trace& trace, const ReplayGraph& graph, std::vector<Touched>& touched)
      : trace_(trace), graph_(graph), touched_(touched), costs_(replay_costs(graph)) {}

  /// Multiplies the operations that `factor_of` gives a factor for.
  template <class FactorOf>
  void scale(const std::string& what, FactorOf factor_of) {
    Touched touched{what, 0, {}, {}};
    for (std::uint32_t node = 0; node < graph_.nodes.size(); ++node) {
      if (!on_gpu(graph_.nodes[node].kind)) continue;
      const double factor = factor_of(graph_.nodes[node]);
      if (factor == 1) continue;
      SlotCost& cost = costs_.slots[node];
      const Nanoseconds gap = graph_.nodes[node].gap, before = cost.duration - gap;
      const Nanoseconds after{std::llround(static_cast<double>(before.value) * factor)};
      // What is removed leaves no gap behind.
      cost.duration = factor == 0 ? Nanoseconds{0} : after + gap;
      ++touched.operations;
      touched.before += before;
      touched.after += after;
    }
    touched_.push_back(touched);
  }

  NameId name(const ReplayNode& node) const { return trace_.events.name[node.event->value]; }
  SlotCosts take() { return std::move(costs_); }

 private:
  const Trace& trace_;
  const ReplayGraph& graph_;
  std::vector<Touched>& touched_;
  SlotCosts costs_;
};

double roofline_factor(std::string_view name, NodeKind kind, const GpuRatio& ratio) {
  if (kind == NodeKind::collective) return ratio.links;
  if (kind == NodeKind::set) return ratio.memory;
  // Copies to and from the host cross another bus, which the files do not describe.
  if (kind == NodeKind::copy) return name.find("DtoD") != std::string_view::npos ? ratio.memory : 1;
  switch (class_of(name)) {
    case KernelClass::matrix_product:
    case KernelClass::attention: return ratio.arithmetic;
    case KernelClass::communication: return ratio.links;
    default: return ratio.memory;
  }
}

}  // namespace

GpuRatio gpu_ratio(const Cluster& from, const Cluster& to) {
  return {from.gpu.bf16_tflops / to.gpu.bf16_tflops, from.gpu.hbm_gbps / to.gpu.hbm_gbps,
          from.node.nvlink_gbps / to.node.nvlink_gbps};
}

SlotCosts what_if_costs(const Trace& trace, const ReplayGraph& graph, const std::vector<NameId>& layer_of,
                        const WhatIf& what_if, std::vector<Touched>& touched) {
  Changer changer(trace, graph, touched);
  for (const Scale& scale : what_if.kernels) {
    check_factor(scale.factor, scale.pattern);
    Matcher matches(trace, scale.pattern);
    changer.scale("kernels " + scale.pattern,
                  [&](const ReplayNode& node) { return matches(changer.name(node)) ? scale.factor : 1; });
  }
  for (const Scale& scale : what_if.layers) {
    check_factor(scale.factor, scale.pattern);
    Matcher matches(trace, scale.pattern);
    changer.scale("layers " + scale.pattern, [&](const ReplayNode& node) {
      const NameId layer = layer_of.empty() ? NameId{} : layer_of[node.event->value];
      return layer != NameId{} && matches(layer) ? scale.factor : 1;
    });
  }
  check_factor(what_if.communication, "communication");
  if (what_if.communication != 1)
    changer.scale("communication", [&](const ReplayNode& node) {
      return node.kind == NodeKind::collective ? what_if.communication : 1;
    });
  if (what_if.gpu)
    changer.scale("another GPU", [&](const ReplayNode& node) {
      return roofline_factor(trace.names[changer.name(node)], node.kind, *what_if.gpu);
    });
  return changer.take();
}

}  // namespace bigmac
