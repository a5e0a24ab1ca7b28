// One schedule as the interactive page draws it: a column per property, operations rank after rank in order.
//
//   "first"      ranks + 1 offsets into the columns
//   "ops"        {"gap": idle ns before, "length": ns, "kind": "FFB...", "module", "chunk", "microbatch", "paint"}
//   "parts"      {"op": index, "part", "parts"} of the operations that are cut, where there are any
//   "paints"     [{"css", "colour", "white", "role"}]
//   "memory"     {"kinds": [{"name", "colour"}], "still": bytes by rank and kind, "first": offsets into
//                "at": ns since the step before, "change": bytes by kind since the step before}
//
// Differences repeat where times do not, so that the columns compress to a few bytes an operation.
#include <algorithm>
#include <array>

#include "bigmac/base/json_reader.h"
#include "html_data.h"

namespace bigmac {
namespace {

/// "[1,2,3]" from a value per item.
class Column {
 public:
  void push(std::int64_t value) { fmt::format_to(std::back_inserter(text_), "{},", value); }
  std::string text() const { return text_.size() == 1 ? "[]" : text_.substr(0, text_.size() - 1) + "]"; }

 private:
  std::string text_ = "[";
};

void member(std::string& out, const char* key, const std::string& value) {
  fmt::format_to(std::back_inserter(out), "{}\"{}\":{}", out.size() > 1 ? "," : "", key, value);
}

template <class Values>
std::string list(const Values& values) {
  Column out;
  for (const auto value : values) out.push(static_cast<std::int64_t>(value));
  return out.text();
}

std::string operations(const ScheduleFile& file, const Outcome& outcome, const html::Palette& palette) {
  const Schedule& schedule = file.schedule;
  Column gap, length, module, chunk, microbatch, paint;
  std::string kinds = "\"";
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank) {
    Nanoseconds now{0};
    for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) {
      const Op& op = schedule.ops[i];
      const OpTimes times = op_times(outcome.graph, outcome.slots, outcome.timing, i);
      gap.push((times.start - now).value);
      length.push((times.end - times.start).value);
      kinds += letter(op.kind);
      module.push(op.module.value);
      chunk.push(op.module == kLlm ? op.stage.value / file.pipeline.ranks : 0);
      microbatch.push(op.microbatch.value);
      paint.push(palette.of(op));
      now = times.end;
    }
  }
  std::string out = "{";
  member(out, "gap", gap.text());
  member(out, "length", length.text());
  member(out, "kind", kinds + '"');
  member(out, "module", module.text());
  member(out, "chunk", chunk.text());
  member(out, "microbatch", microbatch.text());
  member(out, "paint", paint.text());
  return out + "}";
}

std::string parts(const Schedule& schedule) {
  Column op, part, parts;
  for (std::size_t i = 0; i < schedule.ops.size(); ++i) {
    if (schedule.ops[i].parts < 2) continue;
    op.push(static_cast<std::int64_t>(i));
    part.push(schedule.ops[i].part);
    parts.push(schedule.ops[i].parts);
  }
  std::string out = "{";
  member(out, "op", op.text());
  member(out, "part", part.text());
  member(out, "parts", parts.text());
  return out + "}";
}

/// What a GPU of the rank holds all the time: weights, gradients, optimizer, buffers.
std::array<std::int64_t, 4> still(const ScheduleFile& file, std::uint32_t rank) {
  if (!file.plan || rank >= file.plan->memory.size()) return {};
  const RankMemory& m = file.plan->memory[rank];
  return {m.weights.value, m.gradients.value, m.optimizer.value, m.buffers.value};
}

std::string memory(const ScheduleFile& file, const Outcome& outcome) {
  std::string kinds = "[", stills = "[";
  for (const html::MemoryKind& kind : html::kMemory)
    kinds += fmt::format("{}{{\"name\":\"{}\",\"colour\":\"{}\"}}", kinds == "[" ? "" : ",", kind.name, kind.colour);
  Column first, at;
  std::array<Column, kRoles + 1> change;
  std::int64_t count = 0;
  for (std::uint32_t rank = 0; rank < file.schedule.ranks(); ++rank) {
    first.push(count);
    stills += (rank == 0 ? "" : ",") + list(still(file, rank));
    MemoryStep before;
    for (const MemoryStep& step : activation_timeline(file.pipeline, file.schedule, file.costs, outcome.graph,
                                                      outcome.slots, outcome.timing, RankId{rank})) {
      at.push((step.at - before.at).value);
      for (std::size_t role = 0; role < kRoles; ++role) change[role].push((step.kept[role] - before.kept[role]).value);
      change[kRoles].push((step.transient - before.transient).value);
      before = step;
      ++count;
    }
  }
  first.push(count);
  std::string changes = "[";
  for (const Column& column : change) changes += (changes == "[" ? "" : ",") + column.text();
  std::string out = "{";
  member(out, "kinds", kinds + "]");
  member(out, "still", stills + "]");
  member(out, "first", first.text());
  member(out, "at", at.text());
  member(out, "change", changes + "]");
  return out + "}";
}

std::string paints(const html::Palette& palette) {
  Json out = Json::array();
  for (const html::Paint& paint : palette.paints())
    out.push_back({{"css", paint.css},
                   {"colour", paint.colour},
                   {"white", paint.white_text},
                   {"role", static_cast<int>(paint.role)}});
  return out.dump();
}

Json head(const ScheduleFile& file, const Outcome& outcome) {
  Json out = {{"name", file.schedule.name},
              {"base", file.schedule.base},
              {"parameters", file.schedule.parameters},
              {"ranks", file.pipeline.ranks},
              {"chunks", file.pipeline.chunks},
              {"microbatches", file.pipeline.microbatches},
              {"iteration", outcome.iteration.value},
              {"lower_bound", outcome.lower_bound.value},
              {"plan", file.plan.has_value()},
              {"modules", Json::array()},
              {"rows", Json::array()}};
  for (const ModuleShape& module : file.pipeline.modules)
    out["modules"].push_back({{"name", module.name}, {"role", static_cast<int>(module.role)}});
  for (const RankActivations& rank : outcome.ranks)
    out["rows"].push_back({{"busy", rank.busy.value}, {"live", rank.live}});
  return out;
}

}  // namespace

std::string drawing_json(const ScheduleFile& file, const Outcome& outcome) {
  const html::Palette palette(file.pipeline);
  std::string out = head(file, outcome).dump();
  out.pop_back();
  member(out, "first", list(file.schedule.first));
  member(out, "ops", operations(file, outcome, palette));
  member(out, "parts", parts(file.schedule));
  member(out, "paints", paints(palette));
  member(out, "memory", memory(file, outcome));
  return out + "}";
}

}  // namespace bigmac
