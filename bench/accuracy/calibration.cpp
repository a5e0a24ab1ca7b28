#include "calibration.h"

#include <cmath>
#include <string>

#include "predict.h"

namespace accuracy {
namespace {

using Point = bigmac::Constant<Calibration>;

// A row off by this much weighs half of one that is far off: some of the rows fitted look disturbed.
constexpr double kSaturation = 0.1;

/// A constant off its textbook value by this factor costs as much as one row that is far off: what the host takes is
/// hardly known beforehand.
double loose(const Point& constant) {
  const std::string name = constant.name;
  return name == "host_us" ? 3 : name == "step_us" ? 10 : 2;
}

}  // namespace

const std::vector<Point>& calibration_constants() {
  static const std::vector<Point> table = {
      {"product_scale", &Calibration::product_scale, 0.7, 2},
      {"traffic_scale", &Calibration::traffic_scale, 0.7, 4},
      {"collective_scale", &Calibration::collective_scale, 0.5, 3},
      {"network_share", &Calibration::network_share, 0.2, 1},
      {"host_us", &Calibration::host_us, 1, 100},
      {"step_us", &Calibration::step_us, 1e3, 1e6},
  };
  return table;
}

Calibration calibration_of(const bigmac::Cluster& cluster) {
  const bigmac::TrainingFit& t = cluster.training;
  return {cluster.network.share, t.product_scale, t.traffic_scale, t.collective_scale, t.host_us, t.step_us};
}

void apply(const Calibration& calibration, bigmac::Cluster& cluster) {
  cluster.network.share = calibration.network_share;
  cluster.training.product_scale = calibration.product_scale;
  cluster.training.traffic_scale = calibration.traffic_scale;
  cluster.training.collective_scale = calibration.collective_scale;
  cluster.training.host_us = calibration.host_us;
  cluster.training.step_us = calibration.step_us;
}

double loss(const Calibration& calibration, std::vector<Row>& rows) {
  double sum = 0;
  for (Row& row : rows) {
    if (!row.measured.step_s) continue;
    apply(calibration, *row.job.cluster);
    const double e = std::abs(std::log(predict(row).step_s / *row.measured.step_s));
    sum += e / (e + kSaturation);
  }
  const Calibration textbook;
  for (const Point& constant : calibration_constants()) {
    const double off = std::log(calibration.*constant.member / textbook.*constant.member);
    sum += std::pow(off / std::log(loose(constant)), 2);
  }
  return sum;
}

}  // namespace accuracy
