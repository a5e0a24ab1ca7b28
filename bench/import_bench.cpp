// How fast recordings are read: bytes of uncompressed text per second, on one core. The text is made of launches,
// kernels with the usual arguments, operators and flow events, about as PyTorch writes them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bigmac/profiler/kineto.h"
#include "bigmac/profiler/replay.h"
#include "bigmac/report/trace.h"

namespace bigmac {
namespace {

constexpr int kLaunches = 40'000;

std::string kineto_text() {
  std::string text = "{\"schemaVersion\": 1,\n  \"traceEvents\": [";
  for (int i = 0; i < kLaunches; ++i) {
    const double start = 1.7e15 + 20.0 * i;
    text += fmt::format(
        "{}\n  {{\n    \"ph\": \"X\", \"cat\": \"cpu_op\", \"name\": \"aten::mm\", \"pid\": 1102, \"tid\": 1102,\n    "
        "\"ts\": {:.3f}, "
        "\"dur\": 15.250,\n    \"args\": {{\n      \"External id\": {}, \"Sequence number\": {}, \"Fwd thread id\": 0, "
        "\"Ev Idx\": {}\n    }}\n  }},",
        i > 0 ? "," : "", start, i, i, i);
    text += fmt::format(
        "\n  {{\n    \"ph\": \"X\", \"cat\": \"cuda_runtime\", \"name\": \"cudaLaunchKernel\", \"pid\": 1102, \"tid\": "
        "1102,\n    \"ts\": "
        "{:.3f}, \"dur\": 4.719,\n    \"args\": {{\n      \"External id\": {}, \"cbid\": 211, \"correlation\": {}\n    "
        "}}\n  }},",
        start + 5, i, i + 1);
    text += fmt::format(
        "\n  {{\n    \"ph\": \"X\", \"cat\": \"kernel\", \"name\": \"void "
        "at::native::vectorized_elementwise_kernel<{}, "
        "at::native::AddFunctor<float>, at::detail::Array<char*, 1> >(int, at::native::AddFunctor<float>)\", \"pid\": "
        "0, \"tid\": 7,\n    "
        "\"ts\": {:.3f}, \"dur\": 10.125,\n    \"args\": {{\n      \"External id\": {}, \"queued\": 0, \"device\": 0, "
        "\"context\": 1, \"stream\": 7, "
        "\"correlation\": {}, \"registers per thread\": 16, \"shared memory\": 0, \"blocks per SM\": 0.300000, "
        "\"grid\": [24, 1, 1], \"block\": [128, 1, "
        "1], \"est. achieved occupancy %\": 2\n    }}\n  }},",
        i % 50, start + 12, i, i + 1);
    text += fmt::format(
        "\n  {{\n    \"ph\": \"s\", \"id\": {}, \"pid\": 1102, \"tid\": 1102, \"ts\": {:.3f},\n    \"cat\": \"ac2g\", "
        "\"name\": \"ac2g\"\n  }}",
        i + 1, start + 5);
  }
  return text + "\n]}\n";
}

void read_text(benchmark::State& state, const std::string& bytes, std::size_t uncompressed) {
  for (auto _ : state) {
    const Trace trace = read_kineto(*bytes_of(bytes, "bench.json"));
    benchmark::DoNotOptimize(trace.events.size());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(uncompressed));
}

void read_plain(benchmark::State& state) {
  const std::string text = kineto_text();
  read_text(state, text, text.size());
}
BENCHMARK(read_plain)->Unit(benchmark::kMillisecond);

void read_gzipped(benchmark::State& state) {
  const std::string text = kineto_text();
  read_text(state, gzipped(text), text.size());
}
BENCHMARK(read_gzipped)->Unit(benchmark::kMillisecond);

void build_and_time_replay(benchmark::State& state) {
  const std::string text = kineto_text();
  const Trace trace = read_kineto(*bytes_of(text, "bench.json"));
  for (auto _ : state) {
    const ReplayGraph graph = build_replay(trace);
    benchmark::DoNotOptimize(time_replay(graph, replay_costs(graph)).length);
  }
  state.SetItemsProcessed(state.iterations() * kLaunches);
}
BENCHMARK(build_and_time_replay)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bigmac

BENCHMARK_MAIN();
