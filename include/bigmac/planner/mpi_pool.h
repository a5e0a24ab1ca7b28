// The same search over many processes: `mpirun -n N bigmac-plan ...`. The one home of MPI in the planner.
//
// Every process reads the job and costs its layers. Process 0 searches; the others evaluate what it hands out, and so
// does a thread of process 0. Each holds two tasks at most, the second one so that it need not wait, and whoever runs
// dry next takes the next one of all (self-scheduling: Polychronopoulos and Kuck 1987), so that dear plans do not hold
// up others. Results are those of one process byte for byte, because they are text made by the same work and counted in
// the order in which tasks were given.
//
// Open MPI ends all processes when one dies. What was reported until then is in the journal; --resume goes on.
#pragma once

#include <memory>

#include "bigmac/planner/task_pool.h"

namespace bigmac {

/// MPI, begun when the process was started by mpirun, and ended with this object.
class Processes {
 public:
  Processes();
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int rank() const { return rank_; }
  int count() const { return count_; }
  /// Of process 0: hands tasks to the others. None when it is alone.
  std::unique_ptr<TaskPool> pool() const;
  /// Of the others: works until process 0's pool goes.
  void serve(const TaskWork& work) const;

 private:
  int rank_ = 0, count_ = 1;
  bool begun_ = false;
};

}  // namespace bigmac
