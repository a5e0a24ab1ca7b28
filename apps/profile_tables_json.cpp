#include <algorithm>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/joins.h"
#include "profile_json.h"

namespace bigmac::apps {

TraceContents contents_of(const Trace& trace) {
  TraceContents contents;
  const auto launched_by = launches(trace);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const auto kind = static_cast<std::size_t>(trace.events.kind[i]);
    ++contents.events[kind];
    contents.time[kind] += trace.events.duration[i];
    contents.gpu_operations += on_gpu(trace.events.kind[i]);
    contents.launched += launched_by[i].has_value();
  }
  for (const std::string& device : trace.devices)
    if (std::find(contents.devices.begin(), contents.devices.end(), device) == contents.devices.end())
      contents.devices.push_back(device);
  return contents;
}

std::string contents_json(const Trace& trace, const TraceContents& contents) {
  Json kinds = Json::object(), processes = Json::array();
  for (std::size_t kind = 0; kind < kEventKinds; ++kind)
    kinds[name_of(static_cast<EventKind>(kind))] = {{"events", contents.events[kind]},
                                                    {"ns", contents.time[kind].value}};
  for (const Process& process : trace.processes) {
    Json entry = {{"pid", process.pid}, {"name", process.name}};
    if (process.rank) entry["rank"] = *process.rank;
    if (process.world_size) entry["world_size"] = *process.world_size;
    processes.push_back(entry);
  }
  const Json out = {{"records", trace.records},
                    {"events", trace.events.size()},
                    {"memory_events", trace.memory.size()},
                    {"lost", trace.dropped},
                    {"devices", contents.devices},
                    {"processes", processes},
                    {"kinds", kinds},
                    {"gpu_operations", contents.gpu_operations},
                    {"gpu_operations_with_launch", contents.launched}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string layers_json(const std::vector<LayerRow>& rows, const Attribution& attribution) {
  Json entries = Json::array(), passes = Json::object(), trusts = Json::object();
  for (const LayerRow& row : rows) {
    Json entry = {{"name", row.name}, {"layers", row.layers}, {"instances", row.instances}};
    for (std::size_t pass = 0; pass < kPasses; ++pass)
      if (static_cast<Pass>(pass) != Pass::communication)
        entry["ns"][name_of(static_cast<Pass>(pass))] = row.time[pass].value;
    entry["communication_ns"] = row.communication.value;
    if (row.memory_instances > 0) {
      entry["saved_bytes"] = row.saved.value;
      entry["transient_bytes"] = row.transient.value;
    }
    entries.push_back(entry);
  }
  for (std::size_t pass = 0; pass < kPasses; ++pass)
    passes[name_of(static_cast<Pass>(pass))] = attribution.by_pass[pass].value;
  for (std::size_t trust = 0; trust < kTrusts; ++trust)
    trusts[name_of(static_cast<Trust>(trust))] = attribution.by_trust[trust].value;
  const Json out = {{"gpu_time_ns", attribution.total.value},
                    {"by_pass_ns", passes},
                    {"by_attribution_ns", trusts},
                    {"rows", entries}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string memory_json(const MemorySnapshot& snapshot, const std::vector<MemoryStretch>& stretches) {
  Json rows = Json::array(), segments = Json::array();
  for (const MemoryStretch& stretch : stretches)
    rows.push_back({{"name", stretch.name},
                    {"process", stretch.process.value},
                    {"device", stretch.device},
                    {"events", stretch.events},
                    {"peak_bytes", stretch.peak.value},
                    {"net_bytes", stretch.net.value}});
  for (const SegmentTotals& totals : snapshot.segments)
    segments.push_back({{"device", totals.device},
                        {"segments", totals.segments},
                        {"reserved_bytes", totals.reserved.value},
                        {"allocated_bytes", totals.allocated.value},
                        {"active_bytes", totals.active.value}});
  const Json out = {{"stretches", rows}, {"segments", segments}, {"mismatches", memory_mismatches(snapshot.trace)}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bigmac::apps
