// What recording costs: a range's push and pop as the recorded thread pays for it, and the writer's side, records and
// lines a second.
#include <benchmark/benchmark.h>

#include <cstring>

#include "profiler/capture/clock.h"
#include "profiler/capture/decode.h"
#include "profiler/capture/thread_log.h"
#include "profiler/capture/trace_lines.h"

namespace bigmac::capture {
namespace {

TraceLines lines_without_calls() {
  return TraceLines([](bool, std::uint32_t) { return std::string("call"); });
}

void a_range_on_its_thread(benchmark::State& state) {
  ThreadLog log(1);
  std::string taken;
  std::uint64_t lost = 0;
  for (auto _ : state) {
    log.push(monotonic_ns(), "transformer.layers.12.attention", 0, {});
    log.pop(monotonic_ns(), 0, true);
    if (log.waiting() > ThreadLog::kMaxBytes / 2) {
      state.PauseTiming();
      taken.clear();
      log.take(taken, lost);
      state.ResumeTiming();
    }
  }
  if (lost > 0) state.SkipWithError("events were lost");
}
BENCHMARK(a_range_on_its_thread);

void the_clock_twice(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(monotonic_ns() + monotonic_ns());
}
BENCHMARK(the_clock_twice);

void kernels_to_lines(benchmark::State& state) {
  constexpr std::size_t kRecords = 10000;
  std::vector<std::uint64_t> words(kRecords * sizeof(cupti::KernelRecord) / 8);
  for (std::size_t i = 0; i < kRecords; ++i) {
    cupti::KernelRecord record{};
    record.kind = cupti::Kind::concurrent_kernel;
    record.start = 1'000'000'000 + 20'000 * i;
    record.end = record.start + 10'000;
    record.correlation = static_cast<std::uint32_t>(i);
    record.name = i % 2 ? "_ZN7cutlass6KernelI13gemm_bf16_tnEEvNT_6ParamsE" : "elementwise_kernel";
    std::memcpy(&words[i * sizeof record / 8], &record, sizeof record);
  }
  const NextRecord next = [](std::uint8_t* buffer, std::size_t valid, cupti::Record** record) -> cupti::Result {
    auto* at = *record == nullptr ? buffer : reinterpret_cast<std::uint8_t*>(*record) + sizeof(cupti::KernelRecord);
    if (at >= buffer + valid) return cupti::kMaxLimitReached;
    *record = reinterpret_cast<cupti::Record*>(at);
    return cupti::kSuccess;
  };
  TraceLines lines = lines_without_calls();
  std::size_t bytes = 0;
  for (auto _ : state) {
    decode_buffer(reinterpret_cast<std::uint8_t*>(words.data()), words.size() * 8, next, 0,
                  [&](const Event& event) { lines.append(event); });
    bytes += lines.text().size();
    lines.text().clear();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRecords));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(kernels_to_lines);

}  // namespace
}  // namespace bigmac::capture

BENCHMARK_MAIN();
