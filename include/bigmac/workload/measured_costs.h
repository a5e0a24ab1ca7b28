// Measured layer times, schema bigmac.costs/1: they take the place of the analytic ones where they apply.
//
// Written by bigmac-profile, or by hand:
//   {"schema": "bigmac.costs/1", "source": "GPU, driver, date, how",
//    "entries": [{"module": "llm", "layer": "transformer", "tp": 2, "tokens": 8192, "forward_us": 5210,
//                 "input_gradient_us": 5600, "weight_gradient_us": 4900, "activation_bytes": 301989888}, ...]}
// Times are of one GPU of a tp group, communication included, without recomputation; `tokens` are those of one
// microbatch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/workload/model.h"

namespace bigmac {

struct MeasuredEntry {
  std::string module;
  LayerKind layer = LayerKind::transformer;
  int tp = 1;
  double tokens = 0;
  double forward_us = 0, input_gradient_us = 0, weight_gradient_us = 0;
  std::optional<double> activation_bytes;  ///< on one GPU, without recomputation
};

struct MeasuredCosts {
  std::string source;
  std::vector<MeasuredEntry> entries;  ///< by module, layer, tp, then tokens

  /// The entry for a microbatch of `tokens`: between two measured counts interpolated, beyond them in proportion to the
  /// nearest. Nothing where the module, the layer's kind or the tp was not measured.
  std::optional<MeasuredEntry> at(const std::string& module, LayerKind layer, int tp, double tokens) const;
};

/// Throws Error{bad_input}.
MeasuredCosts parse_measured_costs(const std::string& text, const std::string& file);

}  // namespace bigmac
