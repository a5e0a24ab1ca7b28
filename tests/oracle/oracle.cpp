#include "oracle/oracle.h"

#include <algorithm>

#include "oracle/oracle_table.h"

namespace bigmac::oracle {
namespace {

/// What must have ended before a forward starts: all encoders feed the LLM's first stage, each
/// stage the next, and the last stage all generators.
std::vector<Work> inputs_of_forward(const Job& job, const Work& work) {
  const int last = job.stages() - 1;
  std::vector<Work> inputs;
  if (std::find(job.generators.begin(), job.generators.end(), work.module) != job.generators.end())
    inputs.push_back({"llm", last, work.microbatch, 'F'});
  if (work.module == "llm" && work.stage > 0) inputs.push_back({"llm", work.stage - 1, work.microbatch, 'F'});
  if (work.module == "llm" && work.stage == 0)
    for (const auto& encoder : job.encoders)
      inputs.push_back({encoder, job.stages_of(encoder) - 1, work.microbatch, 'F'});
  if (work.module != "llm" && work.stage > 0) inputs.push_back({work.module, work.stage - 1, work.microbatch, 'F'});
  return inputs;
}

/// What must have ended before a B or I starts: its own forward, its recomputation if any, and the
/// gradient from the opposite direction.
std::vector<Work> inputs_of_backward(const Table& table, const Work& work) {
  const Job& job = table.file.job;
  const int last = job.stages() - 1;
  std::vector<Work> inputs = {{work.module, work.stage, work.microbatch, 'F'}};
  if (table.has(work, 'R')) inputs.push_back({work.module, work.stage, work.microbatch, 'R'});
  if (std::find(job.encoders.begin(), job.encoders.end(), work.module) != job.encoders.end()) {
    if (work.stage + 1 == job.stages_of(work.module))
      inputs.push_back(table.gradient({"llm", 0, work.microbatch, 'B'}));
    else inputs.push_back(table.gradient({work.module, work.stage + 1, work.microbatch, 'B'}));
  }
  if (work.module == "llm" && work.stage < last)
    inputs.push_back(table.gradient({"llm", work.stage + 1, work.microbatch, 'B'}));
  if (work.module == "llm" && work.stage == last)
    for (const auto& generator : job.generators) inputs.push_back(table.gradient({generator, 0, work.microbatch, 'B'}));
  return inputs;
}

std::vector<Work> inputs_of(const Table& table, const Work& work) {
  if (work.op == 'F') return inputs_of_forward(table.file.job, work);
  if (work.op == 'R') return {{work.module, work.stage, work.microbatch, 'F'}};
  if (work.op == 'W') return {{work.module, work.stage, work.microbatch, 'I'}};
  return inputs_of_backward(table, work);
}

struct Input {
  Op* producer = nullptr;
  std::int64_t transfer = 0;  ///< 0 on the same rank
};

/// An operation with all it waits for, and how long it takes.
struct Wait {
  Op* op = nullptr;
  std::vector<Input> inputs;  ///< the operation before it on its rank included, without transfer
  std::int64_t duration = 0;
};

Wait wait_of(const Table& table, Op& op, Op* before) {
  const Job& job = table.file.job;
  Wait wait{&op, {}, 0};
  if (before != nullptr) wait.inputs.push_back({before, 0});
  if (op.part == 0)
    for (const Work& input : inputs_of(table, op.work)) {
      Op* producer = table.parts.at(input).back();
      wait.inputs.push_back({producer, producer->rank == op.rank ? 0 : job.transfer(input)});
    }
  const std::int64_t cost = job.duration(op.work);
  // floor(cost * k / n), without ever forming a product beyond 64 bits
  const auto share = [&](std::int64_t k) { return cost / op.parts * k + cost % op.parts * k / op.parts; };
  wait.duration = share(op.part + 1) - share(op.part);
  return wait;
}

std::vector<Wait> all_waits(Table& table) {
  std::vector<Wait> waits;
  for (auto& ops : table.file.ranks) {
    Op* before = nullptr;
    for (Op& op : ops) {
      waits.push_back(wait_of(table, op, before));
      before = &op;
    }
  }
  return waits;
}

/// Times the operation if all it waits for is timed; says whether it did.
bool try_to_time(Wait& wait) {
  std::int64_t start = 0;
  for (const Input& input : wait.inputs) {
    if (!input.producer->timed) return false;
    start = std::max(start, input.producer->end + input.transfer);
  }
  wait.op->start = start;
  wait.op->end = start + wait.duration;
  wait.op->timed = true;
  return true;
}

std::string deadlock(const std::vector<Wait>& waits) {
  std::string text = "deadlock:";
  int last_rank = -1;
  for (const Wait& wait : waits) {  // the first stuck operation of each rank
    if (wait.op->rank == last_rank) continue;
    last_rank = wait.op->rank;
    text += " rank " + std::to_string(last_rank) + " stands before " + name(wait.op->work) + ", which waits for";
    for (const Input& input : wait.inputs)
      if (!input.producer->timed) text += " " + name(input.producer->work) + ";";
  }
  return text;
}

void time_everything(Table& table) {
  std::vector<Wait> waits = all_waits(table);
  while (!waits.empty()) {
    std::vector<Wait> still;
    for (Wait& wait : waits)
      if (!try_to_time(wait)) still.push_back(std::move(wait));
    if (still.size() == waits.size()) throw Problem(deadlock(still));
    waits = std::move(still);
  }
}

/// The most that is held at once, of intervals [from, to) with weights; what goes, goes first.
struct Intervals {
  std::vector<std::pair<std::int64_t, std::int64_t>> events;  ///< instant, change

  void add(std::int64_t from, std::int64_t to, std::int64_t weight) {
    if (from >= to) return;
    events.push_back({from, weight});
    events.push_back({to, -weight});
  }
  std::int64_t peak() {
    std::sort(events.begin(), events.end());  // at one instant, what goes is negative and comes first
    std::int64_t held = 0, most = 0;
    for (const auto& [instant, change] : events) most = std::max(most, held += change);
    return most;
  }
};

/// When the activations of a forward go.
std::int64_t end_of_life(const Table& table, Work work) {
  for (const char op : {'B', 'W', 'F'}) {  // a module without any backward keeps nothing beyond its F
    work.op = op;
    if (table.parts.contains(work)) return table.parts.at(work).back()->end;
  }
  throw Problem(name(work) + " is missing");
}

struct Holdings {
  Intervals bytes, encoder, generator, llm;
  std::map<std::string, Intervals> by_module;
};

void hold(const Table& table, const Op& forward, Holdings& holdings) {
  const Job& job = table.file.job;
  const Work& work = forward.work;
  const std::int64_t to = end_of_life(table, work);
  holdings.bytes.add(forward.start, to, job.activation_bytes(work));
  const bool encodes = std::find(job.encoders.begin(), job.encoders.end(), work.module) != job.encoders.end();
  Intervals& role = work.module == "llm" ? holdings.llm : encodes ? holdings.encoder : holdings.generator;
  role.add(forward.start, to, 1);
  if (work.module != "llm") holdings.by_module[work.module].add(forward.start, to, 1);
}

OracleRank account(const Table& table, const std::vector<Op>& ops) {
  OracleRank rank;
  Holdings holdings;
  for (const Op& op : ops) {
    rank.ops.push_back({op.start, op.end});
    rank.busy_ns += op.end - op.start;
    if (op.work.op == 'F' && op.part == 0) hold(table, op, holdings);
  }
  rank.peak_activation_bytes = holdings.bytes.peak();
  rank.live_encoder = static_cast<int>(holdings.encoder.peak());
  rank.live_generator = static_cast<int>(holdings.generator.peak());
  rank.live_llm_chunks = static_cast<int>(holdings.llm.peak());
  for (auto& [module, intervals] : holdings.by_module) rank.live_by_module[module] = static_cast<int>(intervals.peak());
  return rank;
}

}  // namespace

OracleResult retime(const std::string& schedule_json) try {
  Table table;
  table.file = read_file(schedule_json);
  collect_parts(table);
  check_complete(table);
  time_everything(table);
  OracleResult result;
  for (const auto& ops : table.file.ranks) {
    for (const Op& op : ops) result.iteration_ns = std::max(result.iteration_ns, op.end);
    result.ranks.push_back(account(table, ops));
  }
  result.valid = true;
  return result;
} catch (const std::exception& e) {
  return {false, e.what(), 0, {}};
}

}  // namespace bigmac::oracle
