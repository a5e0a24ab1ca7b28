#include "bigmac/cost/cost_table.h"

#include <algorithm>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::uint64_t kMaxRows = std::uint64_t{1} << 28;

bool differs_between_microbatches(const GivenModuleCosts& given) {
  const auto wide = [](const CostSeries& series) { return series.microbatches > 1; };
  const auto wide_rides = [&](const GivenRides& rides) {
    return wide(rides.count) || wide(rides.length) || wide(rides.end_count) || wide(rides.end_length) ||
           wide(rides.per_wait) || wide(rides.communication);
  };
  return wide_rides(given.forward_rides) || wide_rides(given.backward_rides) || wide(given.forward) ||
         wide(given.backward) || wide(given.input_gradient) || wide(given.weight_gradient) || wide(given.recompute) ||
         wide(given.activation_bytes) || wide(given.transfer);
}

std::int64_t value_or_zero(const CostSeries& series, std::uint32_t stage, std::uint32_t microbatch) {
  return series.absent() ? 0 : series.at(stage, microbatch);
}

// I and W of one stage and microbatch; what is not given follows from B = I + W.
std::pair<std::int64_t, std::int64_t> split_backward(const GivenModuleCosts& given, std::uint32_t stage,
                                                     std::uint32_t microbatch) {
  const std::int64_t whole = given.backward.at(stage, microbatch);
  if (given.input_gradient.absent() && given.weight_gradient.absent()) return {whole / 2, whole - whole / 2};
  if (given.weight_gradient.absent()) {
    const std::int64_t input = given.input_gradient.at(stage, microbatch);
    return {input, std::max<std::int64_t>(0, whole - input)};
  }
  const std::int64_t weight = given.weight_gradient.at(stage, microbatch);
  if (given.input_gradient.absent()) return {std::max<std::int64_t>(0, whole - weight), weight};
  return {given.input_gradient.at(stage, microbatch), weight};
}

bool any_rides(const GivenModuleCosts& given) {
  return !given.forward_rides.count.absent() || !given.backward_rides.count.absent();
}

RideShape shape_of(const GivenRides& given, std::uint32_t stage, std::uint32_t microbatch) {
  if (given.count.absent()) return {};
  RideShape out;
  const auto count_of = [&](const CostSeries& series) {
    return static_cast<std::uint32_t>(value_or_zero(series, stage, microbatch));
  };
  out.count = count_of(given.count);
  out.length = Nanoseconds{given.length.at(stage, microbatch)};
  out.end_count = count_of(given.end_count);
  out.end_length = Nanoseconds{value_or_zero(given.end_length, stage, microbatch)};
  out.per_wait = given.per_wait.absent() ? out.count : count_of(given.per_wait);
  out.communication = Nanoseconds{value_or_zero(given.communication, stage, microbatch)};
  return out;
}

void fill_rows(CostTable& table, ModuleId id, const GivenModuleCosts& given, std::uint32_t stage,
               std::uint32_t microbatch) {
  const StageId at_stage{static_cast<std::uint16_t>(stage)};
  const auto [input, weight] = split_backward(given, stage, microbatch);
  const std::int64_t forward = given.forward.at(stage, microbatch);
  const std::int64_t again = given.recompute.absent() ? forward : given.recompute.at(stage, microbatch);
  const std::int64_t by_kind[kOpKinds] = {forward, given.backward.at(stage, microbatch), input, weight, again};
  for (int kind = 0; kind < kOpKinds; ++kind) {
    const std::uint32_t slot = table.slot(id, static_cast<OpKind>(kind), at_stage, MicrobatchId{microbatch});
    table.duration[slot] = Nanoseconds{by_kind[kind]};
    table.transfer[slot] = Nanoseconds{value_or_zero(given.transfer, stage, microbatch)};
  }
  const std::uint32_t slot = table.slot(id, OpKind::forward, at_stage, MicrobatchId{microbatch});
  table.activation[slot] = Bytes{value_or_zero(given.activation_bytes, stage, microbatch)};
  if (table.rides.empty()) return;
  table.rides[slot] = shape_of(given.forward_rides, stage, microbatch);
  table.rides[table.slot(id, OpKind::backward, at_stage, MicrobatchId{microbatch})] =
      shape_of(given.backward_rides, stage, microbatch);
}

CostSeries series_of(const CostRows& rows, const std::vector<std::int64_t>& column, std::uint32_t offset) {
  CostSeries series{rows.stages, rows.row, {}};
  series.values.assign(column.begin() + offset, column.begin() + offset + rows.stages * rows.row);
  const auto begin = series.values.begin();
  if (std::all_of(begin, series.values.end(), [&](std::int64_t v) { return v == *begin; })) return {1, 1, {*begin}};
  return series;
}

template <class T>
std::vector<std::int64_t> raw(const std::vector<T>& column) {
  std::vector<std::int64_t> out(column.size());
  std::transform(column.begin(), column.end(), out.begin(), [](T quantity) { return quantity.value; });
  return out;
}

GivenRides rides_from(const CostTable& costs, const CostRows& rows, std::uint32_t offset) {
  const auto column = [&](auto&& value_of) {
    std::vector<std::int64_t> values;
    for (std::uint32_t slot = 0; slot < rows.stages * rows.row; ++slot)
      values.push_back(static_cast<std::int64_t>(value_of(costs.rides[offset + slot])));
    return series_of(rows, values, 0);
  };
  return {column([](const RideShape& r) { return r.count; }),
          column([](const RideShape& r) { return r.length.value; }),
          column([](const RideShape& r) { return r.end_count; }),
          column([](const RideShape& r) { return r.end_length.value; }),
          column([](const RideShape& r) { return r.per_wait; }),
          column([](const RideShape& r) { return r.communication.value; })};
}

}  // namespace

CostTable make_cost_table(const Pipeline& pipeline, const std::vector<bool>& per_microbatch) {
  CostTable table;
  std::uint64_t next = 0;
  for (std::size_t m = 0; m < pipeline.modules.size(); ++m) {
    CostRows rows;
    rows.first = static_cast<std::uint32_t>(next);
    rows.stages = pipeline.modules.items[m].stages;
    rows.per_microbatch = per_microbatch[m] ? 1 : 0;
    rows.row = per_microbatch[m] ? pipeline.microbatches : 1;
    next += std::uint64_t{kOpKinds} * rows.stages * rows.row;
    if (next > kMaxRows) bad_input("costs", "too many different costs: more than 2^28 rows");
    table.modules.items.push_back(rows);
  }
  table.duration.resize(next);
  table.transfer.resize(next);
  table.activation.resize(next);
  table.transient.resize(next);
  return table;
}

CostTable cost_table_from(const Pipeline& pipeline, const GivenCosts& given) {
  BIGMAC_CHECK(given.size() == pipeline.modules.size());
  std::vector<bool> per_microbatch;
  for (const GivenModuleCosts& module : given) per_microbatch.push_back(differs_between_microbatches(module));
  CostTable table = make_cost_table(pipeline, per_microbatch);
  if (std::any_of(given.begin(), given.end(), any_rides)) table.rides.resize(table.size());
  for (std::size_t m = 0; m < given.size(); ++m) {
    const ModuleId id{static_cast<std::uint8_t>(m)};
    const CostRows rows = table.modules[id];
    for (std::uint32_t stage = 0; stage < rows.stages; ++stage)
      for (std::uint32_t microbatch = 0; microbatch < rows.row; ++microbatch)
        fill_rows(table, id, given[m], stage, microbatch);
  }
  return table;
}

GivenCosts given_costs_from(const Pipeline& pipeline, const CostTable& costs) {
  const auto duration = raw(costs.duration);
  const auto transfer = raw(costs.transfer);
  const auto activation = raw(costs.activation);
  GivenCosts given;
  for (std::size_t m = 0; m < pipeline.modules.size(); ++m) {
    const CostRows& rows = costs.modules.items[m];
    const std::uint32_t kind = rows.stages * rows.row;
    GivenModuleCosts module;
    module.name = pipeline.modules.items[m].name;
    module.forward = series_of(rows, duration, rows.first);
    module.backward = series_of(rows, duration, rows.first + kind);
    module.input_gradient = series_of(rows, duration, rows.first + 2 * kind);
    module.weight_gradient = series_of(rows, duration, rows.first + 3 * kind);
    module.recompute = series_of(rows, duration, rows.first + 4 * kind);
    module.activation_bytes = series_of(rows, activation, rows.first);
    module.transfer = series_of(rows, transfer, rows.first);
    if (!costs.rides.empty() && pipeline.modules.items[m].role != Role::generator) {
      module.forward_rides = rides_from(costs, rows, rows.first);
      module.backward_rides = rides_from(costs, rows, rows.first + kind);
    }
    given.push_back(std::move(module));
  }
  return given;
}

}  // namespace bigmac
