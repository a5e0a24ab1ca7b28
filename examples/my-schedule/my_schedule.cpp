// A schedule of one's own: encoders dealt out to the ranks up front, the LLM as 1F1B, encoder backwards at the end.
#include <fstream>
#include <iostream>
#include "bigmac/report/schedule_file.h"
#include "bigmac/report/tables.h"
using namespace bigmac;

void append_my_order(const Pipeline& pipeline, std::uint32_t rank, std::vector<Op>& ops) {
  const auto llm = [&](OpKind kind, std::uint32_t microbatch) {
    ops.push_back({MicrobatchId{microbatch}, StageId{static_cast<std::uint16_t>(rank)}, kLlm, kind});
  };
  const auto my_encoders = [&](OpKind kind) {
    for (std::uint32_t m = rank; m < pipeline.microbatches; m += pipeline.ranks)
      for (const ModuleId encoder : pipeline.encoders) ops.push_back({MicrobatchId{m}, StageId{0}, encoder, kind});
  };
  const std::uint32_t warm_up = std::min(pipeline.microbatches, pipeline.ranks - rank);
  my_encoders(OpKind::forward);
  for (std::uint32_t m = 0; m < warm_up; ++m) llm(OpKind::forward, m);
  for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) {
    llm(OpKind::backward, m);
    if (m + warm_up < pipeline.microbatches) llm(OpKind::forward, m + warm_up);
  }
  my_encoders(OpKind::backward);
}

int main(int, char** arguments) {
  ScheduleFile file;
  file.job = load_job(arguments[1]);
  file.pipeline = file.job.abstract->pipeline;
  file.costs = cost_table_from(file.pipeline, file.job.abstract->costs);
  file.schedule.name = "my-schedule", file.schedule.first = {0};
  for (std::uint32_t rank = 0; rank < file.pipeline.ranks; ++rank) {
    append_my_order(file.pipeline, rank, file.schedule.ops);
    file.schedule.first.push_back(static_cast<std::uint32_t>(file.schedule.ops.size()));
  }
  const auto result = simulate(file.pipeline, file.costs, file.schedule);
  if (std::holds_alternative<Fault>(result)) return std::cerr << std::get<Fault>(result).message << '\n', 4;
  std::cout << outcome_table(file, std::get<Outcome>(result));
  std::ofstream(arguments[2]) << schedule_file_text(file, std::get<Outcome>(result));
}
