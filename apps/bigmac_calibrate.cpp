// bigmac-calibrate: fits the training constants of one GPU type to the fitted rows of the published cases, tests them
// on the other rows, and writes them into cluster files.
//
//   bigmac-calibrate a100-80g --data ../shared/data --write configs/clusters/a100-80g.json
//   bigmac-calibrate a100-80g --data ../shared/data --leave-out bench/accuracy/leave_out.csv
//
// Predictions are those of bigmac-accuracy: the whole chain, never a formula beside it.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"
#include "calibration.h"
#include "minimise.h"
#include "predict.h"
#include "program.h"
#include "self_description.h"
#include "summary.h"

namespace {

using namespace accuracy;

struct Options {
  std::string constants, cases = "bench/accuracy/cases", data = default_data(), leave_out;
  std::vector<std::string> write, keep;
  int evaluations = 150;
  bool rows = false;
};

std::vector<double> errors_with(const Calibration& calibration, std::vector<Row> rows) {
  std::vector<double> errors;
  for (Row& row : rows) {
    if (!row.measured.step_s) continue;
    apply(calibration, *row.job.cluster);
    errors.push_back(error(predict(row).step_s, *row.measured.step_s));
  }
  return errors;
}

void print(const std::string& what, const Summary& s) {
  std::printf("%-30s %3d rows   median %5.2f %%   mean %5.2f %%   worst %5.1f %%\n", what.c_str(), s.rows,
              100 * s.median, 100 * s.mean, 100 * s.worst);
}

Calibration fit(std::vector<Row> rows, const Options& options) {
  Calibration calibration;
  std::vector<bigmac::Constant<Calibration>> constants;
  for (const auto& constant : calibration_constants())
    if (std::find(options.keep.begin(), options.keep.end(), constant.name) == options.keep.end())
      constants.push_back(constant);
  bigmac::minimise<Calibration>(calibration, constants, options.evaluations, [&] { return loss(calibration, rows); });
  return calibration;
}

/// Every group of rows with one value of `key` predicted by constants fitted to the others.
std::string leave_out(const std::string& what, const std::vector<Row>& rows, const Options& options,
                      const std::function<std::int64_t(const Row&)>& key) {
  std::vector<std::int64_t> values;
  for (const Row& row : rows) values.push_back(key(row));
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::string lines;
  std::vector<double> all;
  const auto add = [&](const std::string& value, const Summary& s) {
    print(what + " " + value, s);
    lines += fmt::format("{},{},{},{:.4f},{:.4f},{:.4f}\n", what, value, s.rows, s.median, s.mean, s.worst);
  };
  for (const std::int64_t value : values) {
    std::vector<Row> inside, outside;
    for (const Row& row : rows) (key(row) == value ? outside : inside).push_back(row);
    const std::vector<double> errors = errors_with(fit(inside, options), outside);
    add(std::to_string(value), summarise(errors));
    all.insert(all.end(), errors.begin(), errors.end());
  }
  add("all", summarise(all));
  return lines;
}

void write_clusters(const Options& options, const Calibration& calibration, const std::vector<Row>& fitted,
                    const Summary& tested) {
  for (const std::string& path : options.write) {
    bigmac::Cluster cluster = bigmac::load_cluster(path);
    apply(calibration, cluster);
    cluster.training.record = {"published iteration times, bench/accuracy (fitted rows of " + options.constants +
                                   "); shapes: rows fitted; errors: of its other rows, p95 standing for the worst",
                               static_cast<int>(fitted.size()), bigmac::round4(tested.median),
                               bigmac::round4(tested.worst)};
    bigmac::save_cluster(cluster, path);
  }
}

void leave_groups_out(const Options& options, const std::vector<Row>& fitted, const std::vector<Row>& other) {
  std::vector<Row> all = fitted;
  all.insert(all.end(), other.begin(), other.end());
  std::string csv = "left_out,value,rows,median,mean,worst\n";
  const Summary swapped = summarise(errors_with(fit(other, options), fitted));
  print("halves swapped", swapped);
  csv +=
      fmt::format("half,swapped,{},{:.4f},{:.4f},{:.4f}\n", swapped.rows, swapped.median, swapped.mean, swapped.worst);
  csv += leave_out("width", all, options, [](const Row& row) { return row.job.model->llm.width; });
  csv += leave_out("tp", all, options, [](const Row& row) { return std::int64_t{row.job.parallel.tp.value_or(1)}; });
  bigmac::write_text_file(options.leave_out, csv);
}

void run(const Options& options) {
  std::vector<Row> fitted, tested, other_half;
  for (const Group& group : load_groups(options.cases, options.data)) {
    if (group.constants != options.constants) continue;
    const bool halved =
        std::any_of(group.rows.begin(), group.rows.end(), [](const Row& row) { return row.use == Use::fitted; });
    for (const Row& row : group.rows) {
      (row.use == Use::fitted ? fitted : tested).push_back(row);
      if (halved && row.use == Use::tested) other_half.push_back(row);
    }
  }
  if (fitted.empty())
    bigmac::bad_input(options.constants,
                      "no rows to fit: no case file names these constants, or its data is not there");
  const Calibration calibration = fit(fitted, options);
  for (const auto& constant : calibration_constants())
    std::printf("  %-18s %.4g\n", constant.name, calibration.*constant.member);
  print("fitted", summarise(errors_with(calibration, fitted)));
  if (!other_half.empty()) print("tested, same runs", summarise(errors_with(calibration, other_half)));
  const Summary all = summarise(errors_with(calibration, tested));
  print("tested, all", all);
  write_clusters(options, calibration, fitted, all);
  if (!options.leave_out.empty()) leave_groups_out(options, fitted, other_half);
}

int main_program(int argc, char** argv) {
  CLI::App app("Fits training constants to published iteration times", "bigmac-calibrate");
  Options options;
  app.add_option("constants", options.constants, "GPU type, as case files name it")->required();
  app.add_option("--cases", options.cases, "folder of case files");
  app.add_option("--data", options.data, "folder of measurements");
  app.add_option("--write", options.write, "cluster files that take the constants");
  app.add_option("--keep", options.keep, "constants left at their textbook value: what the fitted rows cannot see");
  app.add_option("--leave-out", options.leave_out, "refit without each width and each tp; errors to this CSV file");
  app.add_option("--evaluations", options.evaluations, "of the loss, per step of the search");
  bigmac::apps::describe_itself(app);
  if (const auto code = bigmac::apps::parse_command_line(app, argc, argv)) return *code;
  run(options);
  return bigmac::apps::kDone;
}

}  // namespace

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return main_program(argc, argv); });
}
