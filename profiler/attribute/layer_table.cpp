#include <algorithm>
#include <map>
#include <set>

#include "bigmac/profiler/attribution.h"
#include "layer_rules.h"

namespace bigmac {
namespace {

/// Memory of one forward range: its events lie in its time, for autograd's thread rests meanwhile.
void add_memory(const Trace& trace, const Event& range, LayerRow& row) {
  const ProcessId process = trace.lanes[range.lane].process;
  const auto first = std::partition_point(trace.memory.begin(), trace.memory.end(),
                                          [&](const MemoryEvent& event) { return event.time < range.start; });
  Bytes net, peak;
  bool any = false;
  for (auto event = first; event != trace.memory.end() && event->time < range.end(); ++event) {
    if (event->process != process || event->device < 0) continue;
    net += event->bytes;
    peak = std::max(peak, net);
    any = true;
  }
  if (!any) return;
  ++row.memory_instances;
  row.saved += net;
  row.transient += peak - net;
}

/// Which row each rule's layers go to: rules of one module and kind share one.
std::vector<std::size_t> rows_of_rules(const std::vector<LayerRule>& rules, std::vector<LayerRow>& rows) {
  std::vector<std::size_t> row_of;
  for (const LayerRule& rule : rules) {
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const LayerRow& row) {
      return row.module == rule.module && row.kind == rule.kind;
    });
    row_of.push_back(static_cast<std::size_t>(same - rows.begin()));
    if (same != rows.end()) continue;
    LayerRow& row = rows.emplace_back();
    row.name = rule.module + "/" + name_of(rule.kind);
    row.module = rule.module;
    row.kind = rule.kind;
  }
  return row_of;
}

void add(LayerRow& row, const Trace& trace, std::uint32_t event, const Attributed& operation) {
  row.time[static_cast<std::size_t>(operation.within)] += trace.events.duration[event];
  if (operation.pass == Pass::communication) row.communication += trace.events.duration[event];
}

}  // namespace

std::vector<LayerRow> layer_table(const Trace& trace, const Attribution& attribution) {
  std::vector<LayerRow> rows;
  const std::vector<std::size_t> row_of = rows_of_rules(attribution.rules, rows);
  std::vector<std::set<std::uint32_t>> names(rows.size()), instances(rows.size());
  for (std::uint32_t i = 0; i < attribution.operations.size(); ++i) {
    const Attributed& operation = attribution.operations[i];
    if (!operation.layer) continue;
    const std::size_t row = row_of[attribution.rule_of[operation.layer->value] - 1U];
    add(rows[row], trace, i, operation);
    names[row].insert(trace.events.name[operation.layer->value].value);
    if (operation.within == Pass::forward) instances[row].insert(operation.layer->value);
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    rows[row].layers = names[row].size();
    rows[row].instances = instances[row].size();
    for (const std::uint32_t range : instances[row]) add_memory(trace, trace.events[EventId{range}], rows[row]);
    if (rows[row].memory_instances == 0) continue;
    const auto count = static_cast<std::int64_t>(rows[row].memory_instances);
    rows[row].saved.value /= count;
    rows[row].transient.value /= count;
  }
  std::erase_if(rows, [](const LayerRow& row) { return row.layers == 0; });
  return rows;
}

std::vector<LayerRow> operator_table(const Trace& trace, const Attribution& attribution) {
  std::map<std::uint32_t, LayerRow> by_name;
  std::map<std::uint32_t, std::set<std::uint32_t>> instances;
  for (std::uint32_t i = 0; i < attribution.operations.size(); ++i) {
    const auto& top = attribution.operations[i].top;
    if (!on_gpu(trace.events.kind[i])) continue;
    const std::uint32_t name = top ? trace.events.name[top->value].value : 0;
    add(by_name[name], trace, i, attribution.operations[i]);
    if (top) instances[name].insert(top->value);
  }
  std::vector<LayerRow> rows;
  for (auto& [name, row] : by_name) {
    row.name = name == 0 ? "(no operator)" : std::string(trace.names[NameId{name}]);
    row.layers = 1;
    row.instances = instances[name].size();
    rows.push_back(row);
  }
  const auto total = [](const LayerRow& row) {
    Nanoseconds sum;
    for (const Nanoseconds time : row.time) sum += time;
    return sum;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const LayerRow& a, const LayerRow& b) { return total(a) > total(b); });
  return rows;
}

}  // namespace bigmac
