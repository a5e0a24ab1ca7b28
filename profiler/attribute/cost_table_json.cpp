#include <cmath>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/attribution.h"
#include "layer_rules.h"

namespace bigmac {
namespace {

double mean_us(const LayerRow& row, Pass pass) {
  const double ns = static_cast<double>(row.time[static_cast<std::size_t>(pass)].value);
  return std::round(ns / static_cast<double>(row.instances)) / 1e3;
}

Json entry(const LayerRow& row, const CostTableFacts& facts) {
  Json out = {{"module", row.module},
              {"layer", name_of(row.kind)},
              {"tp", facts.tp},
              {"tokens", facts.tokens},
              {"forward_us", mean_us(row, Pass::forward)},
              {"input_gradient_us", mean_us(row, Pass::input_gradient)},
              {"weight_gradient_us", mean_us(row, Pass::weight_gradient)}};
  if (row.memory_instances > 0 && row.saved.value >= 0) out["activation_bytes"] = row.saved.value;
  out["instances"] = row.instances;
  return out;
}

double share(Nanoseconds part, Nanoseconds whole) {
  if (whole.value == 0) return 0;
  return std::round(1e6 * static_cast<double>(part.value) / static_cast<double>(whole.value)) / 1e6;
}

}  // namespace

std::string cost_table_text(const std::vector<LayerRow>& rows, const Attribution& attribution,
                            const CostTableFacts& facts) {
  Json entries = Json::array();
  for (const LayerRow& row : rows)
    if (row.instances > 0) entries.push_back(entry(row, facts));
  const auto none = static_cast<std::size_t>(Trust::none);
  const Json out = {{"schema", "bigmac.costs/1"},
                    {"source", facts.source},
                    {"gpu_time_ns", attribution.total.value},
                    {"share_without_layer", share(attribution.by_trust[none], attribution.total)},
                    {"entries", entries}};
  return out.dump(1) + "\n";
}

}  // namespace bigmac
