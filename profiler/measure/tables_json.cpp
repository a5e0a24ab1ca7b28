// Timings to files: bigmac.costs/1 as the planner reads it, and efficiency by shape.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/measure.h"

namespace bigmac {
namespace {

double rounded(double value) { return std::stod(fmt::format("{:.6g}", value)); }

const char* name_of_layer(LayerKind kind) {
  constexpr const char* names[] = {"embedding", "transformer", "projector", "head"};
  return names[static_cast<std::size_t>(kind)];
}

std::string source_of(const Measurement& measurement, const DeviceRecord& device) {
  const bool formula = std::any_of(measurement.rows.begin(), measurement.rows.end(),
                                   [](const LayerPlanRow& row) { return row.formula_forward_us > 0; });
  const char* attention = formula ? "attention not measured: by the cluster's fit of fused kernels"
                                  : "attention unfused (products and softmax apart)";
  return fmt::format("bigmac-profile measure on {}, driver {}, {}, {}; kernels one by one, no communication; {}",
                     device.gpu, device.driver, device.libraries, device.date, attention);
}

struct Passes {
  double layers = 0, forward = 0, input_gradient = 0, weight_gradient = 0;  ///< sums over layers
};

/// Microseconds of a pass, or nothing where a case of it was not run.
std::optional<double> sum_of(const std::vector<CaseUse>& uses, const std::vector<Timing>& timings) {
  double us = 0;
  for (const CaseUse& use : uses) {
    if (!timings[use.index].skipped.empty()) return std::nullopt;
    us += use.times * timings[use.index].us;
  }
  return us;
}

using Key = std::tuple<std::string, LayerKind, std::int64_t>;  // module, layer, tokens

/// Sums by key; of several shapes with one number of tokens the first counts.
std::map<Key, Passes> passes_by_key(const Measurement& measurement, const std::vector<Timing>& timings,
                                    std::vector<std::string>& notes) {
  std::map<Key, Passes> out;
  std::map<Key, std::pair<std::int64_t, std::int64_t>> shape;
  std::set<std::string> said;
  const auto say = [&](const std::string& text) {
    if (said.insert(text).second) notes.push_back(text);
  };
  for (const LayerPlanRow& row : measurement.rows) {
    if (row.tp != 1) {
      say("rows of tp > 1 are in the efficiency table only: their communication was not run");
      continue;
    }
    const Key key{row.module, row.layer, static_cast<std::int64_t>(row.tokens)};
    const auto first = shape.try_emplace(key, row.sequence, row.microbatch).first->second;
    if (first != std::pair(row.sequence, row.microbatch)) {
      say(fmt::format("{} tokens come as {} x {} and {} x {}: the cost table has the first", row.tokens, first.second,
                      first.first, row.microbatch, row.sequence));
      continue;
    }
    const auto forward = sum_of(row.forward, timings), input = sum_of(row.input_gradient, timings),
               weight = sum_of(row.weight_gradient, timings);
    if (!forward || !input || !weight) {
      say(fmt::format("{} {} at {} tokens is left out: a kernel of it was not run", row.module,
                      name_of_layer(row.layer), row.tokens));
      out[key].layers = -1;
    }
    Passes& sum = out[key];
    if (sum.layers < 0) continue;
    sum.layers += row.layers;
    sum.forward += row.layers * (*forward + row.formula_forward_us);
    sum.input_gradient += row.layers * (*input + row.formula_input_gradient_us);
    sum.weight_gradient += row.layers * *weight;
  }
  return out;
}

Json device_json(const DeviceRecord& device) {
  return {{"gpu", device.gpu}, {"driver", device.driver}, {"libraries", device.libraries}, {"date", device.date}};
}

struct Efficiency {
  double tflops = 0, gbps = 0, share = 0;  ///< share of the peak that bounds it; 0: no peak known
};

Efficiency efficiency_of(const KernelCase& kernel, const Timing& timing, const DeviceRecord& device) {
  Efficiency out;
  if (timing.us <= 0) return out;
  out.tflops = flops(kernel) / timing.us / 1e6;
  out.gbps = bytes_moved(kernel) / timing.us / 1e3;
  const double compute = device.peak_tflops > 0 ? out.tflops / device.peak_tflops : 0;
  const double memory = device.peak_gbps > 0 ? out.gbps / device.peak_gbps : 0;
  out.share = std::max(compute, memory);
  return out;
}

}  // namespace

std::string cost_table_text(const Measurement& measurement, const std::vector<Timing>& timings,
                            const DeviceRecord& device, std::vector<std::string>& notes) {
  Json out = {{"schema", "bigmac.costs/1"},
              {"source", source_of(measurement, device)},
              {"device", device_json(device)},
              {"entries", Json::array()}};
  for (const auto& [key, sum] : passes_by_key(measurement, timings, notes)) {
    if (sum.layers <= 0) continue;
    const auto& [module, layer, tokens] = key;
    out["entries"].push_back({{"module", module},
                              {"layer", name_of_layer(layer)},
                              {"tp", 1},
                              {"tokens", tokens},
                              {"forward_us", rounded(sum.forward / sum.layers)},
                              {"input_gradient_us", rounded(sum.input_gradient / sum.layers)},
                              {"weight_gradient_us", rounded(sum.weight_gradient / sum.layers)}});
  }
  return out.dump(1) + "\n";
}

std::string efficiency_csv(const Measurement& measurement, const std::vector<Timing>& timings,
                           const DeviceRecord& device) {
  std::string out =
      "kernel,m,n,k,batch,causal,us,spread,tflops,gbps,share_of_peak,repeats,batches,outliers,steady,skipped\n";
  for (std::size_t i = 0; i < measurement.cases.size(); ++i) {
    const KernelCase& c = measurement.cases[i];
    const Timing& t = timings[i];
    const Efficiency e = efficiency_of(c, t, device);
    out += fmt::format("{},{},{},{},{},{},{:.6g},{:.4f},{:.5g},{:.5g},{:.4f},{},{},{},{},{}\n", name(c.kind), c.m, c.n,
                       c.k, c.batch, c.causal ? 1 : 0, t.us, t.spread, e.tflops, e.gbps, e.share, t.repeats, t.batches,
                       t.outliers, t.steady ? 1 : 0, t.skipped);
  }
  return out;
}

std::string efficiency_json(const Measurement& measurement, const std::vector<Timing>& timings,
                            const DeviceRecord& device) {
  Json out = {{"schema", "bigmac.efficiency/1"},
              {"device", device_json(device)},
              {"peak_tflops", device.peak_tflops},
              {"peak_gbps", device.peak_gbps},
              {"kernels", Json::array()}};
  for (std::size_t i = 0; i < measurement.cases.size(); ++i) {
    const KernelCase& c = measurement.cases[i];
    const Timing& t = timings[i];
    const Efficiency e = efficiency_of(c, t, device);
    Json row = {{"kernel", name(c.kind)}, {"m", c.m}, {"n", c.n}, {"k", c.k}, {"batch", c.batch}, {"causal", c.causal}};
    if (!t.skipped.empty()) row["skipped"] = t.skipped;
    else
      row.update({{"us", rounded(t.us)},
                  {"spread", rounded(t.spread)},
                  {"tflops", rounded(e.tflops)},
                  {"gbps", rounded(e.gbps)},
                  {"share_of_peak", rounded(e.share)},
                  {"outliers", t.outliers},
                  {"steady", t.steady}});
    out["kernels"].push_back(std::move(row));
  }
  return out.dump(1) + "\n";
}

}  // namespace bigmac
