#include "bigmac/profiler/attribution.h"

#include <algorithm>
#include <map>
#include <set>

#include "bigmac/base/error.h"
#include "bigmac/profiler/joins.h"
#include "bigmac/profiler/kernel_class.h"
#include "host_context.h"
#include "layer_rules.h"
#include "wide_ranges.h"

namespace bigmac {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <std::size_t N>
bool contains_any(std::string_view text, const std::array<std::string_view, N>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return contains(text, part); });
}

constexpr std::array<std::string_view, 4> kInputKernels = {"dgrad", "bwd_data", "bwd_input", "_bwd_gtc"};
constexpr std::array<std::string_view, 6> kWeightKernels = {"wgrad",      "wrw",       "bwd_filter",
                                                            "bwd_weight", "GammaBeta", "gamma_beta"};
constexpr std::array<std::string_view, 3> kWeightNodes = {"AccumulateGrad", "EmbeddingBackward",
                                                          "EmbeddingDenseBackward"};
constexpr std::array<std::string_view, 3> kProductNodes = {"MmBackward", "AddmmBackward", "LinearBackward"};

class Attributor {
 public:
  Attributor(const Trace& trace, const std::vector<LayerRule>& rules) : trace_(trace), launched_by_(launches(trace)) {
    out_.rules = rules;
    out_.rule_of = match_layers(trace, rules);
    contexts_ = host_contexts(trace, out_.rule_of);
    const auto forward_of = forwards(trace);
    for (std::size_t i = 0; i < trace.operators.size(); ++i)
      if (forward_of[i]) forward_of_[trace.operators[i].event.value] = forward_of[i]->value;
    wide_ = wide_ranges(trace, out_.rule_of);
  }

  Attribution run() {
    out_.operations.resize(trace_.events.size());
    for (std::uint32_t i = 0; i < trace_.events.size(); ++i) {
      if (!on_gpu(trace_.events.kind[i])) continue;
      Attributed& operation = out_.operations[i];
      if (launched_by_[i]) operation = of_call(EventId{i}, *launched_by_[i]);
      const Nanoseconds spent = trace_.events.duration[i];
      out_.total += spent;
      out_.by_pass[static_cast<std::size_t>(operation.pass)] += spent;
      out_.by_trust[static_cast<std::size_t>(operation.trust)] += spent;
    }
    return std::move(out_);
  }

 private:
  std::string_view name(std::uint32_t event) const { return trace_.names[trace_.events.name[event]]; }

  Attributed of_call(EventId operation, EventId call) const {
    const HostContext& context = contexts_[call];
    Attributed out;
    if (context.top != kNoEvent) out.top = EventId{context.top};
    out.within = pass_of(operation, context, call);
    const bool communicates = class_of(name(operation.value)) == KernelClass::communication;
    if (out.within != Pass::optimizer && !makes_gradients_ready(context)) {  // else it belongs to no layer
      find_layer(out, context, call);
      if (out.layer) heed_range(out, operation, context);
    }
    out.pass = communicates ? Pass::communication : out.within;
    return out;
  }

  /// A layer's range may say more than the operators around the launch, of which a recording may hold none.
  void heed_range(Attributed& out, EventId operation, const HostContext& context) const {
    const std::string_view range = name(out.layer->value);
    if (contains(range, "recompute")) out.within = Pass::recompute;
    else if (contains(range, "backward") && (out.within == Pass::forward || out.within == Pass::none))
      out.within = gradient_of(operation, context);
    else if (out.within == Pass::none) out.within = Pass::forward;
  }

  /// AccumulateGrad, and the reductions between replicas that hang on it.
  bool makes_gradients_ready(const HostContext& context) const {
    return context.backward != kNoEvent && contains(name(context.backward), "AccumulateGrad");
  }

  Pass pass_of(EventId operation, const HostContext& context, EventId call) const {
    if (context.optimizer != kNoEvent) return Pass::optimizer;
    if (context.backward != kNoEvent) {
      const bool again = context.forward != kNoEvent && context.forward > context.backward;
      return again ? Pass::recompute : gradient_of(operation, context);
    }
    if (context.any) return Pass::forward;
    return wide_.backward[call.value] ? Pass::input_gradient : Pass::none;
  }

  Pass gradient_of(EventId operation, const HostContext& context) const {
    const std::string_view kernel = name(operation.value);
    const std::string_view node = context.backward == kNoEvent ? "" : name(context.backward);
    if (contains_any(kernel, kWeightKernels) || contains_any(node, kWeightNodes)) return Pass::weight_gradient;
    if (contains_any(kernel, kInputKernels)) return Pass::input_gradient;
    if (!contains_any(node, kProductNodes) || contains(node, "BmmBackward")) return Pass::input_gradient;
    // What is no product in such a node sums the bias's gradient or accumulates.
    if (context.product == kNoEvent || context.product < context.backward) return Pass::weight_gradient;
    const bool first_of_two = contexts_.products[context.backward] > 1 && contexts_.place[context.product] == 0;
    return first_of_two ? Pass::input_gradient : Pass::weight_gradient;
  }

  void find_layer(Attributed& out, const HostContext& context, EventId call) const {
    const auto take = [&](std::uint32_t layer, Trust trust) {
      if (layer == kNoEvent) return false;
      out.layer = EventId{layer};
      out.trust = trust;
      return true;
    };
    if (take(context.layer, Trust::thread_range)) return;
    if (context.backward != kNoEvent)
      if (const auto forward = forward_of_.find(context.backward); forward != forward_of_.end())
        if (take(contexts_[EventId{forward->second}].layer, Trust::backward_operator)) return;
    if (take(wide_.process[call.value], Trust::process_range)) return;
    take(wide_.main_thread[call.value], Trust::main_thread);
  }

  const Trace& trace_;
  std::vector<std::optional<EventId>> launched_by_;
  HostContexts contexts_;
  WideRanges wide_;
  std::map<std::uint32_t, std::uint32_t> forward_of_;  ///< backward operator's event to its forward's
  Attribution out_;
};

}  // namespace

const char* name_of(Pass pass) {
  constexpr const char* kNames[kPasses] = {"F", "I", "W", "R", "optimizer", "communication", "none"};
  return kNames[static_cast<std::size_t>(pass)];
}

const char* name_of(Trust trust) {
  constexpr const char* kNames[kTrusts] = {"range of the launching thread", "forward of the autograd operator",
                                           "range of the process", "range of the main thread", "no layer"};
  return kNames[static_cast<std::size_t>(trust)];
}

Attribution attribute(const Trace& trace, const std::vector<LayerRule>& rules) {
  if (rules.size() > 255) bad_input("--layer", "more than 255 rules");
  return Attributor(trace, rules).run();
}

std::vector<NameId> layer_names(const Trace& trace, const Attribution& attribution) {
  std::vector<NameId> names(trace.events.size());
  for (std::uint32_t i = 0; i < names.size(); ++i)
    if (const auto& layer = attribution.operations[i].layer) names[i] = trace.events.name[layer->value];
  return names;
}

}  // namespace bigmac
