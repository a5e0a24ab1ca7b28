// The executor: one rank of one step. It reads its operation list, and knows no schedule by name.
//
// Idea: for each operation in order, take its inputs (from its own earlier operations or from messages), run it, hand
// its product to the operations of this rank that read it, and send it to the other ranks that do (runner/transfers.h).
//
// Why it cannot deadlock, even where a send completes only once its receive is matched and nothing is buffered:
//   1. A rank stands still in one place only: before an operation, for its inputs. Sends are never waited for there.
//   2. Every product has one owner, one message to each reader, and a tag of its own; a message can match its receive
//   only,
//      in whatever order messages arrive.
//   3. The receive of an input is posted no later than its reader's turn, and the send when the product is made
//      (and due); while a rank waits or sleeps it polls, so that posted pairs complete (MPI 4.0, section 3.5,
//      progress).
//   4. The schedule was lowered (graph/task_graph.h): some order of all operations puts each after its inputs and after
//   the
//      operation before it on its rank. Suppose all ranks stand still, and take the first operation in that order which
//      has not run. The one before it on its rank has run, so its rank stands before it and has posted its receives.
//      The makers of its inputs have run, so their sends are posted. By 3 the inputs arrive: a contradiction.
//   5. After the last operation a rank waits for its sends. Every reader gets its turn by 4, so every receive gets
//   posted.
// 4 ranks, 1F1B: rank 1 sends 1F1 to rank 2 while rank 2 sends 2B0 to rank 1. Blocking synchronous sends would wait for
// one another there (torch and Megatron-LM pair such sends by hand); here both ranks go on to wait for their inputs,
// whose receives are posted.
#pragma once

#include "bigmac/cost/cost_table.h"
#include "bigmac/runner/messenger.h"
#include "bigmac/runner/transfers.h"

namespace bigmac::runner {

struct StepResult {
  std::chrono::nanoseconds elapsed{};  ///< from the common start to the end of this rank's last operation
  Bytes peak_activation{};             ///< of passes really alive, each at its bytes in the job
  std::size_t sent = 0;                ///< messages
};

/// Runs this rank's part. All ranks must call it with the same schedule, complete and free of deadlock. Throws
/// RankLost.
StepResult run_step(Session& session, Messenger& messenger, const Pipeline& pipeline, const Schedule& schedule,
                    const CostTable& costs, Work& work);

}  // namespace bigmac::runner
