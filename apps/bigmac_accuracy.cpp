// bigmac-accuracy: predictions against published measurements.
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "predict.h"
#include "summary.h"

int main(int argc, char** argv) {
  CLI::App app("predictions against published measurements");
  std::string cases = "bench/accuracy/cases", data = "../shared/data";
  app.add_option("--cases", cases);
  app.add_option("--data", data);
  CLI11_PARSE(app, argc, argv);
  try {
    for (const accuracy::Group& group : accuracy::load_groups(cases, data)) {
      std::printf("%s\n", group.title.c_str());
      std::vector<double> fitted, tested, memory;
      for (const accuracy::Row& row : group.rows) {
        const accuracy::Prediction p = accuracy::predict(row);
        std::printf("  %-30s %-36s", row.name.c_str(), p.chosen.label().c_str());
        if (row.measured.step_s) {
          const double e = accuracy::error(p.step_s, *row.measured.step_s);
          (row.use == accuracy::Use::fitted ? fitted : tested).push_back(e);
          std::printf(" %9.4f %9.4f %+6.1f %% %s", p.step_s, *row.measured.step_s, 100 * e, row.use == accuracy::Use::fitted ? "f" : "t");
        }
        if (row.measured.memory_bytes) {
          const double e = accuracy::error(p.memory_bytes, *row.measured.memory_bytes);
          memory.push_back(e);
          std::printf("   %7.2f %7.2f GB %+6.1f %%", 1e-9 * p.memory_bytes, 1e-9 * *row.measured.memory_bytes, 100 * e);
        }
        std::printf("\n");
      }
      for (const auto& [name, errors] : {std::pair{"fitted", fitted}, {"tested", tested}, {"memory", memory}}) {
        const accuracy::Summary s = accuracy::summarise(errors);
        if (s.rows) std::printf("  %s: %d rows, median %.2f %% mean %.2f %% worst %.1f %%\n", name, s.rows, 100 * s.median, 100 * s.mean, 100 * s.worst);
      }
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bigmac-accuracy: %s\n", e.what());
    return 2;
  }
}
