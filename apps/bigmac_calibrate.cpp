// bigmac-calibrate: fits the constants of one GPU type to the fitted rows of the published cases.
#include <cstdio>
#include <exception>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "bigmac/base/error.h"
#include "calibration.h"
#include "minimise.h"
#include "predict.h"
#include "summary.h"

namespace {

using namespace accuracy;

std::vector<double> errors(const Calibration& c, std::vector<Row>& rows) {
  std::vector<double> out;
  for (Row& row : rows) {
    if (!row.measured.step_s) continue;
    apply(c, *row.job.cluster);
    out.push_back(error(predict(row).step_s, *row.measured.step_s));
  }
  return out;
}

void print(const char* what, const Calibration& c, std::vector<Row>& rows) {
  const Summary s = summarise(errors(c, rows));
  std::printf("%-28s %3d rows  median %5.2f %%  mean %5.2f %%  worst %5.1f %%\n", what, s.rows, 100 * s.median,
              100 * s.mean, 100 * s.worst);
}

Calibration fit(std::vector<Row> rows, int evaluations) {
  Calibration c;
  bigmac::minimise<Calibration>(c, calibration_constants(), evaluations, [&] { return loss(c, rows); });
  return c;
}

void show(const Calibration& c) {
  for (const auto& constant : calibration_constants()) std::printf("  %s %.4g", constant.name, c.*constant.member);
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("fits training constants to published iteration times");
  std::string cases = "bench/accuracy/cases", data = "../shared/data", constants;
  int evaluations = 60;
  bool groups = false;
  app.add_option("constants", constants)->required();
  app.add_option("--cases", cases);
  app.add_option("--data", data);
  app.add_option("--evaluations", evaluations);
  app.add_flag("--leave-out", groups);
  CLI11_PARSE(app, argc, argv);
  try {
    std::vector<Row> fitted, tested, all;
    for (const Group& group : load_groups(cases, data)) {
      if (group.constants != constants) continue;
      for (const Row& row : group.rows) {
        (row.use == Use::fitted ? fitted : tested).push_back(row);
        if (!group.rows.empty() && group.rows.front().use == Use::fitted) all.push_back(row);
      }
    }
    const Calibration c = fit(fitted, evaluations);
    show(c);
    print("fitted", c, fitted);
    print("tested", c, tested);
    for (auto* part : {&fitted, &tested}) for (Row& row : *part) { apply(c, *row.job.cluster); if (row.measured.step_s) std::printf("   %s %-26s %+6.1f\n", part == &fitted ? "f" : "t", row.name.c_str(), 100 * error(predict(row).step_s, *row.measured.step_s)); }
    if (groups) {
      const Calibration d = fit(tested, evaluations);
      show(d);
      print("swapped: fitted", d, tested);
      print("swapped: tested", d, fitted);
      const auto leave_out = [&](const char* what, const std::function<std::int64_t(const Row&)>& key) {
        std::vector<std::int64_t> keys;
        for (const Row& row : all) keys.push_back(key(row));
        std::sort(keys.begin(), keys.end());
        keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
        std::vector<double> every;
        for (const std::int64_t k : keys) {
          std::vector<Row> in, out;
          for (const Row& row : all) (key(row) == k ? out : in).push_back(row);
          const Calibration e = fit(in, evaluations);
          print((std::string(what) + " " + std::to_string(k)).c_str(), e, out);
          for (const double x : errors(e, out)) every.push_back(x);
        }
        const Summary s = summarise(every);
        std::printf("%-28s %3d rows  median %5.2f %%  mean %5.2f %%\n", what, s.rows, 100 * s.median, 100 * s.mean);
      };
      leave_out("width", [](const Row& row) { return row.job.model->llm.width; });
      leave_out("tp", [](const Row& row) { return std::int64_t{row.job.parallel.tp.value_or(1)}; });
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bigmac-calibrate: %s\n", e.what());
    return 2;
  }
}
