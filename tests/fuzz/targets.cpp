#include "fuzz/targets.h"

#include <algorithm>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"
#include "bigmac/planner/journal.h"
#include "bigmac/planner/trainer_files.h"
#include "bigmac/profiler/attribution.h"
#include "bigmac/profiler/joins.h"
#include "bigmac/profiler/kineto.h"
#include "bigmac/profiler/memory.h"
#include "bigmac/profiler/memory_snapshot.h"
#include "bigmac/profiler/nsys.h"
#include "bigmac/profiler/replay.h"
#include "bigmac/profiler/trace_file.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/workload/cluster.h"
#include "bigmac/workload/job.h"
#include "bigmac/workload/model.h"
#include "cases.h"
#include "measured_csv.h"
#include "profiler/capture/decode.h"
#include "profiler/capture/trace_lines.h"

namespace bigmac::fuzz {
namespace {

/// Runs `parse` on the bytes as text; false where it threw Error.
template <class Parse>
bool accepts(const std::uint8_t* data, std::size_t size, Parse parse) {
  const std::string text(data, data + size);
  try {
    parse(text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

template <class Read>
void ignore_error(Read read) {
  try {
    static_cast<void>(read());
  } catch (const Error&) {
  }
}

/// Asks every value for every type, all the way down.
void read_everything(const JsonReader& reader) {
  ignore_error([&] { return reader.integer(-1000, INT64_MAX); });
  ignore_error([&] { return reader.number(0, 1e300); });
  ignore_error([&] { return reader.string(); });
  ignore_error([&] { return reader.boolean(); });
  ignore_error([&] { return reader.at("schema"); });
  ignore_error([&] { return reader.integer_or("ranks", 1, 1, 8); });
  std::vector<std::string> notes;
  reader.note_unknown({"schema", "ranks"}, notes);
  if (reader.raw().is_array())
    for (const auto& item : reader.items()) read_everything(item);
  if (reader.raw().is_object())
    for (const auto& member : reader.members()) read_everything(member.second);
}

/// What every program does with a recording.
void use(const Trace& trace) {
  static_cast<void>(forwards(trace));
  static_cast<void>(memory_mismatches(trace));
  static_cast<void>(memory_by_step(trace));
  ignore_error([&] {
    const ReplayGraph graph = build_replay(trace);
    return time_replay(graph, replay_costs(graph));
  });
}

}  // namespace

bool json(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    const Json document = parse_json(text, "fuzz.json");
    read_everything({document, "fuzz.json"});
  });
}

bool model(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    std::vector<std::string> notes;
    const Model parsed = parse_model(text, "fuzz.json", notes);
    static_cast<void>(parameters(parsed));
  });
}

bool cluster(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { static_cast<void>(parse_cluster(text, "fuzz.json")); });
}

bool job(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { static_cast<void>(parse_job(text, "fuzz.json")); });
}

bool schedule(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { static_cast<void>(parse_schedule(text, "fuzz.json")); });
}

bool plan_file(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    const PlanFile plan = read_plan_file(text, "fuzz.json");
    ignore_error([&] { return megatron_arguments(plan, read_layer_kinds(text, "fuzz.json")); });
    ignore_error([&] { return torchtitan_configuration(plan, read_layer_kinds(text, "fuzz.json")); });
    ignore_error([&] { return torch_csv(plan.read.file); });
  });
}

bool recording(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { use(read_trace(*bytes_of(text, "fuzz.jsonl"))); });
}

bool kineto(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { use(read_kineto(*bytes_of(text, "fuzz.json"))); });
}

bool nsys(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { use(read_nsys_image(text, "fuzz.sqlite")); });
}

bool snapshot(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    static_cast<void>(memory_by_step(parse_memory_snapshot(text, "fuzz.pickle").trace));
  });
}

bool journal(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    const JournalContent content = read_journal(text, "fuzz.journal");
    BIGMAC_CHECK(content.sound_bytes <= text.size());
  });
}

/// A walk in steps of the sizes that are read; names, which CUPTI gives as pointers, are taken away.
bigmac::cupti::Result next_record(std::uint8_t* data, std::size_t valid, bigmac::cupti::Record** record) {
  using namespace bigmac::cupti;
  const auto step = *record == nullptr ? 0 : std::max<std::size_t>(8, capture::record_bytes((*record)->kind));
  auto* at = *record == nullptr ? data : reinterpret_cast<std::uint8_t*>(*record) + step;
  if (at + sizeof(Record) > data + valid) return kMaxLimitReached;
  *record = reinterpret_cast<Record*>(at);
  if (at + capture::record_bytes((*record)->kind) > data + valid) return kSuccess;
  if ((*record)->kind == Kind::kernel || (*record)->kind == Kind::concurrent_kernel)
    reinterpret_cast<KernelRecord*>(at)->name = nullptr;
  if ((*record)->kind == Kind::device) reinterpret_cast<DeviceRecord*>(at)->name = nullptr;
  return kSuccess;
}

bool cupti(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> aligned(size / 8 + 1);
  std::copy(data, data + size, reinterpret_cast<std::uint8_t*>(aligned.data()));
  capture::TraceLines lines([](bool, std::uint32_t callback) { return std::to_string(callback); });
  const auto counts =
      capture::decode_buffer(reinterpret_cast<std::uint8_t*>(aligned.data()), size, next_record, capture::Time{0},
                             [&](const capture::Event& event) { lines.append(event); });
  const std::string& text = lines.text();
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    static_cast<void>(parse_json(text.substr(from, end - from), "a line of the recorder"));
    from = end + 1;
  }
  return counts.lost() == 0;
}

bool layer_memory(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    std::vector<LayerRow> rows(1);
    rows[0].module = "llm";
    add_layer_memory(text, "fuzz.jsonl", default_layer_rules(), rows);
  });
}

bool layout(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) {
    for (const std::string& stage : parse_megatron_layout(text, "fuzz"))
      BIGMAC_CHECK(stage.find_first_not_of("EtmL") == std::string::npos);
  });
}

bool arguments(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { static_cast<void>(parse_arguments(text, "fuzz")); });
}

bool configuration(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { static_cast<void>(parse_configuration(text, "fuzz")); });
}

bool accuracy_case(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { accuracy::parse_group(text, "fuzz", ""); });
}

bool measured_csv(const std::uint8_t* data, std::size_t size) {
  return accepts(data, size, [](const std::string& text) { accuracy::parse_csv(text, "fuzz"); });
}

std::vector<NamedTarget> targets() {
  return {{"json", json},
          {"model", model},
          {"cluster", cluster},
          {"job", job},
          {"schedule", schedule},
          {"plan_file", plan_file},
          {"recording", recording},
          {"kineto", kineto},
          {"nsys", nsys},
          {"snapshot", snapshot},
          {"layer_memory", layer_memory},
          {"layout", layout},
          {"arguments", arguments},
          {"configuration", configuration},
          {"accuracy_case", accuracy_case},
          {"measured_csv", measured_csv},
          {"journal", journal},
          {"cupti", cupti}};
}

}  // namespace bigmac::fuzz
