// Repetition: warm up until steady, batches long enough to be timed, the median of them without outliers.
#include <algorithm>
#include <cmath>

#include "bigmac/profiler/measure.h"

namespace bigmac {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double deviation(const std::vector<double>& values, double centre) {
  std::vector<double> away;
  for (const double value : values) away.push_back(std::abs(value - centre));
  return median(std::move(away));
}

int repeats_for(double one_ns, const TimingRules& rules) {
  const double wanted = one_ns > 0 ? std::ceil(rules.least_batch_ns / one_ns) : rules.most_repeats;
  return static_cast<int>(std::clamp(wanted, 1.0, static_cast<double>(rules.most_repeats)));
}

/// Clocks rise and caches fill: batches until two in a row agree. The first run loads code and is not compared.
double warm_up(KernelTimer& timer, const KernelCase& kernel, const TimingRules& rules, Timing& timing) {
  timer.run_ns(kernel, 1);
  double last = timer.run_ns(kernel, 1);
  timing.repeats = repeats_for(last, rules);
  timing.steady = false;
  for (timing.warmups = 1; timing.warmups < rules.most_warmups && !timing.steady; ++timing.warmups) {
    const double one = timer.run_ns(kernel, timing.repeats) / timing.repeats;
    timing.steady = std::abs(one - last) <= rules.steady * one;
    last = one;
    timing.repeats = repeats_for(one, rules);
  }
  return last;
}

}  // namespace

Timing time_case(KernelTimer& timer, const KernelCase& kernel, const TimingRules& rules) {
  Timing timing;
  if (bytes_needed(kernel) > timer.memory_bytes()) {
    timing.skipped = "needs " + std::to_string(std::llround(bytes_needed(kernel) / 1e6)) + " MB of device memory";
    return timing;
  }
  warm_up(timer, kernel, rules, timing);
  std::vector<double> times;
  for (int i = 0; i < rules.batches; ++i) times.push_back(timer.run_ns(kernel, timing.repeats) / timing.repeats);
  const double centre = median(times), away = deviation(times, centre);
  std::erase_if(times,
                [&](double time) { return time - centre > rules.outlier_deviations * away && time > centre * 1.001; });
  timing.batches = rules.batches;
  timing.outliers = rules.batches - static_cast<int>(times.size());
  const double without = median(times);
  timing.us = without / 1e3;
  timing.spread = without > 0 ? deviation(times, without) / without : 0;
  return timing;
}

}  // namespace bigmac
