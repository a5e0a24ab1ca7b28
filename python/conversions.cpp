#include "conversions.h"

#include <pybind11/stl.h>

namespace bigmac::python {
namespace {

/// An array with one number an item, by value(index).
template <class T, class Value>
py::array_t<T> array_of(std::size_t size, Value&& value) {
  py::array_t<T> out(static_cast<py::ssize_t>(size));
  T* items = out.mutable_data();
  for (std::size_t i = 0; i < size; ++i) items[i] = static_cast<T>(value(i));
  return out;
}

py::dict ranks_dict(const Outcome& outcome) {
  const auto& ranks = outcome.ranks;
  const auto live = [&](Role role) {
    return array_of<std::int64_t>(ranks.size(), [&](auto i) { return ranks[i].live[static_cast<std::size_t>(role)]; });
  };
  py::dict out;
  out["busy_ns"] = array_of<std::int64_t>(ranks.size(), [&](auto i) { return ranks[i].busy.value; });
  out["peak_activation_bytes"] = array_of<std::int64_t>(ranks.size(), [&](auto i) { return ranks[i].peak.value; });
  out["live_encoder"] = live(Role::encoder);
  out["live_generator"] = live(Role::generator);
  out["live_llm_chunks"] = live(Role::llm);
  return out;
}

py::dict operations_dict(const ScheduleFile& file, const Outcome& outcome) {
  const Schedule& schedule = file.schedule;
  const std::size_t count = schedule.ops.size();
  std::vector<std::uint32_t> rank_of(count);
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) rank_of[i] = rank;
  const auto times = [&](std::size_t i) { return op_times(outcome.graph, outcome.slots, outcome.timing, i); };
  std::string kinds;
  for (const Op& op : schedule.ops) kinds += letter(op.kind);
  py::dict out;
  out["rank"] = array_of<std::int32_t>(count, [&](auto i) { return rank_of[i]; });
  // One letter an operation, as numpy's fixed-width strings.
  out["op"] = py::array(py::dtype("S1"), {static_cast<py::ssize_t>(count)}, kinds.data()).attr("astype")("U1");
  out["module"] = array_of<std::int32_t>(count, [&](auto i) { return schedule.ops[i].module.value; });
  out["stage"] = array_of<std::int32_t>(count, [&](auto i) { return schedule.ops[i].stage.value; });
  out["microbatch"] = array_of<std::int32_t>(count, [&](auto i) { return schedule.ops[i].microbatch.value; });
  out["part"] = array_of<std::int32_t>(count, [&](auto i) { return schedule.ops[i].part; });
  out["parts"] = array_of<std::int32_t>(count, [&](auto i) { return schedule.ops[i].parts; });
  out["start_ns"] = array_of<std::int64_t>(count, [&](auto i) { return times(i).start.value; });
  out["end_ns"] = array_of<std::int64_t>(count, [&](auto i) { return times(i).end.value; });
  return out;
}

}  // namespace

py::dict dict_of_json(const std::string& text) { return py::module_::import("json").attr("loads")(text); }

py::dict outcome_dict(const ScheduleFile& file, const Outcome& outcome) {
  py::dict out;
  py::list modules;
  for (const ModuleShape& module : file.pipeline.modules) modules.append(module.name);
  out["schedule"] = file.schedule.name;
  out["base"] = file.schedule.base;
  out["parameters"] = py::cast(file.schedule.parameters);
  out["modules"] = modules;
  out["iteration_ns"] = outcome.iteration.value;
  out["lower_bound_ns"] = outcome.lower_bound.value;
  out["bubble_fraction"] = outcome.bubble_fraction;
  if (file.plan) {
    out["step_ns"] = file.plan->step.value;
    out["mfu"] = file.plan->mfu;
  }
  out["ranks"] = ranks_dict(outcome);
  out["operations"] = operations_dict(file, outcome);
  out["text"] = schedule_file_text(file, outcome);
  return out;
}

}  // namespace bigmac::python
