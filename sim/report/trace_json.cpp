#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>
#include <zlib.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"
#include "bigmac/report/trace.h"

namespace bigmac {
namespace {

// Chrome's unit is the microsecond; three decimals keep every nanosecond.
std::string microseconds(Nanoseconds t) { return fmt::format("{}.{:03}", t.value / 1000, t.value % 1000); }

class TraceWriter {
 public:
  TraceWriter(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule, const Outcome& outcome)
      : pipeline_(pipeline), costs_(costs), schedule_(schedule), outcome_(outcome) {
    for (const ModuleShape& module : pipeline.modules)
      names_.push_back(module.role == Role::llm ? "" : module.name + " ");
    op_of_task_.assign(outcome.graph.tasks.size(), UINT32_MAX);
    for (std::uint32_t i = 0; i < schedule.ops.size(); ++i) op_of_task_[outcome.graph.task_of[i]] = i;
  }

  std::string run() {
    out_ = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
    for (std::uint32_t rank = 0; rank < schedule_.ranks(); ++rank) {
      name_lane(rank);
      for (std::uint32_t i = schedule_.first[rank]; i < schedule_.first[rank + 1]; ++i) {
        slice(rank, i);
        flow(rank, i);
      }
      counters(rank);
    }
    out_.back() = ']';
    return std::move(out_) + "}\n";
  }

 private:
  OpTimes times(std::uint32_t op) const { return op_times(outcome_.graph, outcome_.slots, outcome_.timing, op); }

  template <class... Args>
  void event(fmt::format_string<Args...> format, Args&&... args) {
    out_ += "\n{";
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += "},";
  }

  void name_lane(std::uint32_t rank) {
    event("\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":\"rank {}\"}}", rank, rank);
    event("\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":{},\"args\":{{\"sort_index\":{}}}", rank, rank);
    event("\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{},\"tid\":0,\"args\":{{\"name\":\"compute\"}}", rank);
  }

  void slice(std::uint32_t rank, std::uint32_t i) {
    const Op& op = schedule_.ops[i];
    const auto [start, end] = times(i);
    event(
        "\"ph\":\"X\",\"name\":{},\"cat\":\"op\",\"pid\":{},\"tid\":0,\"ts\":{},\"dur\":{},\"args\":{{\"microbatch\":{}"
        ",\"stage\":{}}}",
        Json(names_[op.module.value] + letter(op.kind)).dump(), rank, microseconds(start), microseconds(end - start),
        op.microbatch.value, op.stage.value);
  }

  void flow(std::uint32_t rank, std::uint32_t i) {
    const std::uint32_t task = outcome_.graph.task_of[i];
    const std::uint32_t input = outcome_.graph.tasks[task].input;
    if (input == 0) return;
    const std::uint32_t maker = op_of_task_[input];
    const auto from = static_cast<std::uint32_t>(
        std::upper_bound(schedule_.first.begin(), schedule_.first.end(), maker) - schedule_.first.begin() - 1);
    const OpTimes made = times(maker);
    const Nanoseconds inside{std::max(made.start.value, made.end.value - 1)};
    event("\"ph\":\"s\",\"name\":\"send\",\"cat\":\"transfer\",\"id\":{},\"pid\":{},\"tid\":0,\"ts\":{}", task, from,
          microseconds(inside));
    event("\"ph\":\"f\",\"bp\":\"e\",\"name\":\"send\",\"cat\":\"transfer\",\"id\":{},\"pid\":{},\"tid\":0,\"ts\":{}",
          task, rank, microseconds(times(i).start));
  }

  void counters(std::uint32_t rank) {
    for (const MemoryStep& step : activation_timeline(pipeline_, schedule_, costs_, outcome_.graph, outcome_.slots,
                                                      outcome_.timing, RankId{rank}))
      event(
          "\"ph\":\"C\",\"name\":\"activations\",\"pid\":{},\"ts\":{},\"args\":{{\"encoder\":{},\"llm\":{},"
          "\"generator\":{},\"transient\":{}}}",
          rank, microseconds(step.at), step.kept[0].value, step.kept[1].value, step.kept[2].value,
          step.transient.value);
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  const Schedule& schedule_;
  const Outcome& outcome_;
  std::vector<std::string> names_;
  std::vector<std::uint32_t> op_of_task_;
  std::string out_;
};

}  // namespace

std::string chrome_trace(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule,
                         const Outcome& outcome) {
  return TraceWriter(pipeline, costs, schedule, outcome).run();
}

std::string gzipped(const std::string& text) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;
  BIGMAC_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  BIGMAC_CHECK(status == Z_STREAM_END);
  return out;
}

}  // namespace bigmac
