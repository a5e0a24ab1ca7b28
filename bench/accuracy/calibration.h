// The constants of one GPU type that are fitted to published iteration times, as one point.
//
// They are data of the cluster file: share of the network, and the "training" section. Everything
// else of a prediction comes from measured kernels and formulas. Used by bigmac-calibrate and by the report.
#pragma once

#include <string>
#include <vector>

#include "bigmac/workload/cluster.h"
#include "bigmac/workload/kernel_fit.h"
#include "cases.h"

namespace accuracy {

struct Calibration {
  double network_share = 0.78;  ///< Network::share
  // Of TrainingFit.
  double product_scale = 1, traffic_scale = 1, collective_scale = 1, host_us = 10, step_us = 20'000;
};
const std::vector<bigmac::Constant<Calibration>>& calibration_constants();

Calibration calibration_of(const bigmac::Cluster& cluster);
void apply(const Calibration& calibration, bigmac::Cluster& cluster);

/// What the fit minimises over `rows`: each row's |log(predicted / measured)|, saturating, and a pull towards the
/// textbook values, which step times alone cannot tell apart.
double loss(const Calibration& calibration, std::vector<Row>& rows);

}  // namespace accuracy
