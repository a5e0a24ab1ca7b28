#include "host_context.h"

#include <algorithm>

namespace bigmac {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// What a name alone says, asked once a name.
struct NameFacts {
  bool backward = false, optimizer = false, product = false;
};

std::vector<NameFacts> name_facts(const Trace& trace) {
  std::vector<NameFacts> facts;
  for (std::uint32_t i = 0; i < trace.names.size(); ++i) {
    const std::string_view name = trace.names[NameId{i}];
    const auto begins = [&](std::string_view start) { return name.starts_with(start); };
    facts.push_back({contains(name, "backward") || contains(name, "Backward"),
                     begins("Optimizer.step") || contains(name, "optimizer"),
                     begins("aten::mm") || begins("aten::addmm") || begins("aten::linear")});
  }
  return facts;
}

class Stacks {
 public:
  Stacks(const Trace& trace, const std::vector<std::uint8_t>& rule_of)
      : trace_(trace), rule_of_(rule_of), facts_(name_facts(trace)), stacks_(trace.lanes.size()) {
    out_.row.assign(trace.events.size(), 0);
    out_.products.assign(trace.events.size(), 0);
    out_.place.assign(trace.events.size(), 0);
    out_.contexts.emplace_back();
  }

  HostContexts run() {
    std::size_t detail = 0;
    for (std::uint32_t i = 0; i < trace_.events.size(); ++i) {
      while (detail < trace_.operators.size() && trace_.operators[detail].event.value < i) ++detail;
      const bool has_detail = detail < trace_.operators.size() && trace_.operators[detail].event.value == i;
      const EventKind kind = trace_.events.kind[i];
      if (kind == EventKind::call || nests(kind)) open(i, kind, has_detail ? &trace_.operators[detail] : nullptr);
    }
    return std::move(out_);
  }

 private:
  static bool nests(EventKind kind) {
    return kind == EventKind::operation || kind == EventKind::range || kind == EventKind::python_function;
  }

  void open(std::uint32_t i, EventKind kind, const OperatorDetail* detail) {
    auto& stack = stacks_[trace_.events.lane[i].value];
    while (!stack.empty() && trace_.events[EventId{stack.back()}].end() <= trace_.events.start[i]) stack.pop_back();
    HostContext context = stack.empty() ? HostContext{} : out_.contexts[out_.row[stack.back()]];
    if (nests(kind)) {
      enter(context, i, kind, detail);
      stack.push_back(i);
    }
    out_.row[i] = static_cast<std::uint32_t>(out_.contexts.size());
    out_.contexts.push_back(context);
  }

  void enter(HostContext& context, std::uint32_t i, EventKind kind, const OperatorDetail* detail) {
    const NameFacts& facts = facts_[trace_.events.name[i].value];
    context.any = true;
    if (rule_of_[i] != 0) context.layer = i;
    if (facts.optimizer && kind == EventKind::range) context.optimizer = i;
    const bool forward = detail != nullptr && detail->forward_thread == 0 && detail->sequence >= 0;
    const bool backward = kind == EventKind::operation ? detail != nullptr && detail->forward_thread != 0
                                                       : facts.backward && rule_of_[i] != 0;
    if (backward) context.backward = i;
    if (forward) context.forward = i;
    if (kind == EventKind::operation && context.top == kNoEvent) context.top = i;
    if (kind == EventKind::operation && facts.product) product(context, i);
  }

  void product(HostContext& context, std::uint32_t i) {
    if (context.product != kNoEvent && trace_.events[EventId{context.product}].end() > trace_.events.start[i]) return;
    context.product = i;
    if (context.backward == kNoEvent) return;
    std::uint8_t& count = out_.products[context.backward];
    out_.place[i] = count;
    if (count < 255) ++count;
  }

  const Trace& trace_;
  const std::vector<std::uint8_t>& rule_of_;
  std::vector<NameFacts> facts_;
  std::vector<std::vector<std::uint32_t>> stacks_;
  HostContexts out_;
};

}  // namespace

HostContexts host_contexts(const Trace& trace, const std::vector<std::uint8_t>& rule_of) {
  return Stacks(trace, rule_of).run();
}

}  // namespace bigmac
