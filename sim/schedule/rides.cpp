#include "bigmac/schedule/rides.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "bigmac/cost/spread_table.h"

namespace bigmac {
namespace {

/// A column's rows of one module spread to one per microbatch.
CostTable widened(const Pipeline& pipeline, const CostTable& costs) {
  std::vector<bool> per_microbatch;
  for (std::size_t m = 0; m < pipeline.modules.size(); ++m)
    per_microbatch.push_back(pipeline.modules.items[m].role == Role::encoder ||
                             costs.modules.items[m].per_microbatch != 0);
  return spread_table(pipeline, costs, per_microbatch);
}

/// An operation without its part.
using Pass = std::tuple<int, int, std::uint32_t, int>;
Pass pass_of(const Op& op) { return {op.module.value, op.stage.value, op.microbatch.value, static_cast<int>(op.kind)}; }

std::map<Pass, std::uint32_t> kernels_riding(const std::vector<Ride>& rides) {
  std::map<Pass, std::uint32_t> out;
  for (const Ride& ride : rides) out[pass_of(ride.guest)] += ride.kernels;
  return out;
}

/// Where an operation stands on its rank: its first and its last part.
struct Place {
  std::uint32_t rank = 0, first = 0, last = 0;
};

std::map<Pass, Place> places(const Schedule& schedule) {
  std::map<Pass, Place> out;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) {
      const auto [at, is_new] = out.try_emplace(pass_of(schedule.ops[i]), Place{rank, i, i});
      if (!is_new) at->second.last = i;
    }
  return out;
}

Op op_of(const Pass& pass) {
  const auto& [module, stage, microbatch, kind] = pass;
  return {MicrobatchId{microbatch}, StageId{static_cast<std::uint16_t>(stage)},
          ModuleId{static_cast<std::uint8_t>(module)}, static_cast<OpKind>(kind)};
}

std::string names_of(const Pipeline& pipeline, const Ride& ride) {
  return fmt::format("{} kernels of {} in {}", ride.kernels, to_string(pipeline, ride.guest),
                     to_string(pipeline, ride.host));
}

std::optional<std::string> find_bad_load(const Pipeline& pipeline, const CostTable& costs,
                                         const std::vector<Ride>& rides) {
  std::map<std::pair<Pass, bool>, std::uint64_t> waits;
  for (const Ride& ride : rides) {
    const bool roles = ride.host.module == kLlm && pipeline.modules[ride.guest.module].role == Role::encoder;
    const std::uint32_t fit = roles ? kernels_in_a_wait(costs, ride.host, ride.guest, ride.at_ends) : 0;
    if (fit == 0 || ride.kernels == 0) return names_of(pipeline, ride) + ": nothing can ride there";
    const std::uint64_t used = waits[{pass_of(ride.host), ride.at_ends}] +=
        (std::uint64_t{ride.kernels} + fit - 1) / fit;
    const RideShape& shape = costs.rides[costs.slot(ride.host)];
    if (used > (ride.at_ends ? shape.end_count : shape.count))
      return names_of(pipeline, ride) + ": more than its waits carry";
  }
  for (const auto& [pass, kernels] : kernels_riding(rides))
    if (kernels > costs.rides[costs.slot(op_of(pass))].count)
      return to_string(pipeline, op_of(pass)) + " rides with more kernels than it has";
  return std::nullopt;
}

}  // namespace

std::uint32_t kernels_in_a_wait(const CostTable& costs, const Op& host, const Op& guest, bool at_ends) {
  if (costs.rides.empty()) return 0;
  const RideShape &waits = costs.rides[costs.slot(host)], &kernel = costs.rides[costs.slot(guest)];
  const std::int64_t length = (at_ends ? waits.end_length : waits.length).value;
  if ((at_ends ? waits.end_count : waits.count) == 0 || kernel.count == 0 || kernel.length.value <= 0) return 0;
  std::int64_t fit = std::min<std::int64_t>(kernel.per_wait, length / kernel.length.value);
  const std::int64_t waiting = waits.count * waits.length.value + waits.end_count * waits.end_length.value;
  const std::int64_t computing = std::max<std::int64_t>(0, costs.duration[costs.slot(host)].value - waiting);
  const std::int64_t sent = (kernel.communication.value + kernel.count - 1) / kernel.count;
  if (sent > 0) fit = std::min(fit, computing / (waits.count + waits.end_count) / sent);
  return static_cast<std::uint32_t>(std::min<std::int64_t>(fit, kernel.count));
}

Nanoseconds cost_beside_rides(const CostTable& costs, const Op& guest, std::uint32_t kernels) {
  const std::uint32_t slot = costs.slot(guest);
  const std::int64_t cost = costs.duration[slot].value, count = costs.rides[slot].count;
  const std::int64_t listed = count - kernels;
  return Nanoseconds{cost / count * listed + cost % count * listed / count};
}

CostTable costs_as_run(const Pipeline& pipeline, const CostTable& costs, const std::vector<Ride>& rides) {
  if (rides.empty()) return costs;
  CostTable out = widened(pipeline, costs);
  for (const auto& [pass, kernels] : kernels_riding(rides)) {
    const Op guest = op_of(pass);
    out.duration[out.slot(guest)] = cost_beside_rides(costs, guest, kernels);
  }
  return out;
}

std::optional<std::string> find_bad_ride(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule) {
  if (schedule.rides.empty()) return std::nullopt;
  if (costs.rides.empty()) return "no operation of this job waits for tensor-parallel traffic";
  if (auto bad = find_bad_load(pipeline, costs, schedule.rides)) return bad;
  const std::map<Pass, Place> at = places(schedule);
  for (const Ride& ride : schedule.rides) {
    const auto host = at.find(pass_of(ride.host)), guest = at.find(pass_of(ride.guest));
    if (host == at.end() || guest == at.end()) return names_of(pipeline, ride) + ": one of them is not listed";
    if (host->second.rank != guest->second.rank) return names_of(pipeline, ride) + ": they are on different ranks";
    if (guest->second.first >= host->second.first || guest->second.last <= host->second.first)
      return names_of(pipeline, ride) + ": the guest's parts do not stand around it";
  }
  return std::nullopt;
}

Nanoseconds most_riding_work(const Pipeline& pipeline, const CostTable& costs) {
  if (costs.rides.empty()) return {};
  double dearness = 0;  // a guest's cost over the length of its kernels: its communication rides along
  for (const ModuleId module : pipeline.encoders) {
    const CostRows& rows = costs.modules[module];
    for (std::uint32_t slot = rows.first; slot < rows.first + kOpKinds * rows.stages * rows.row; ++slot) {
      const double length = static_cast<double>(costs.rides[slot].length.value) * costs.rides[slot].count;
      if (length > 0) dearness = std::max(dearness, static_cast<double>(costs.duration[slot].value) / length);
    }
  }
  double waits = 0;
  const CostRows& llm = costs.modules[kLlm];
  for (std::uint32_t slot = llm.first; slot < llm.first + kOpKinds * llm.stages * llm.row; ++slot)
    waits +=
        (static_cast<double>(costs.rides[slot].count) * static_cast<double>(costs.rides[slot].length.value) +
         static_cast<double>(costs.rides[slot].end_count) * static_cast<double>(costs.rides[slot].end_length.value)) *
        (llm.per_microbatch != 0 ? 1 : pipeline.microbatches);
  return Nanoseconds{static_cast<std::int64_t>(std::min(std::ceil(waits * dearness * (1 + 1e-9)), 4e18))};
}

RidingWork riding_work(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule) {
  RidingWork out;
  for (const Op& op : schedule.ops)
    if (op.part == 0 && pipeline.modules[op.module].role == Role::encoder) out.all += costs.duration[costs.slot(op)];
  for (const auto& [pass, kernels] : kernels_riding(schedule.rides)) {
    const Op guest = op_of(pass);
    out.riding += costs.duration[costs.slot(guest)] - cost_beside_rides(costs, guest, kernels);
  }
  return out;
}

}  // namespace bigmac
