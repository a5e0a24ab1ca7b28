#include "oracle/oracle_table.h"

#include <algorithm>

namespace bigmac::oracle {

void collect_parts(Table& table) {
  for (auto& ops : table.file.ranks)
    for (Op& op : ops) {
      std::vector<Op*>& parts = table.parts[op.work];
      if (!parts.empty() && op.rank != parts[0]->rank) throw Problem(name(op.work) + " runs on two ranks");
      if (!parts.empty() && op.parts != parts[0]->parts) throw Problem(name(op.work) + " has unequal 'parts'");
      if (op.part != static_cast<int>(parts.size()))
        throw Problem(name(op.work) + " is repeated, or its parts are not in order");
      parts.push_back(&op);
    }
  for (const auto& [work, parts] : table.parts)
    if (static_cast<int>(parts.size()) != parts[0]->parts) throw Problem(name(work) + " lacks parts");
}

namespace {

bool is_frozen_encoder(const Table& table, const std::string& module) {
  const auto& encoders = table.file.job.encoders;
  if (std::find(encoders.begin(), encoders.end(), module) == encoders.end()) return false;
  return std::none_of(table.parts.begin(), table.parts.end(),
                      [&](const auto& entry) { return entry.first.module == module && entry.first.op != 'F'; });
}

void check_backward(const Table& table, const Work& work) {
  const bool whole = table.has(work, 'B');
  const bool input = table.has(work, 'I');
  const bool weight = table.has(work, 'W');
  if (whole && (input || weight)) throw Problem(name(work) + ": its backward is both whole and split");
  if (!whole && !input && !weight) throw Problem(name(work) + ": its backward is missing");
  if (!whole && !input) throw Problem(name(work) + ": its W has no I");
  if (!whole && !weight) throw Problem(name(work) + ": its I has no W");
}

}  // namespace

void check_complete(const Table& table) {
  const Job& job = table.file.job;
  for (const auto& entry : job.costs.items()) {
    const std::string& module = entry.key();
    const bool frozen = is_frozen_encoder(table, module);
    for (int stage = 0; stage < job.stages_of(module); ++stage)
      for (int microbatch = 0; microbatch < job.microbatches; ++microbatch) {
        const Work work{module, stage, microbatch, 'F'};
        if (!table.has(work, 'F')) throw Problem(name(work) + " is missing");
        if (!frozen) check_backward(table, work);
      }
  }
}

}  // namespace bigmac::oracle
