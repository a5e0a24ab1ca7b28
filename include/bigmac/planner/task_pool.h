// Where a search's units of work are done: on threads of this process, or on other processes (planner/mpi_pool.h).
//
// Tasks and results are text, so that what arrives from another process, from a journal and from a thread here is the
// same by construction. A result depends on its task alone. Which task comes next may depend on earlier results; who
// gives tasks sees to it that it does not depend on the moment at which they arrive.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace bigmac {

using TaskWork = std::function<std::string(const std::string& task)>;

/// What a pool is given to do. A pool calls both functions one at a time, from whichever thread.
struct TaskStream {
  /// The next task. Nothing: none before another result is in, and none at all where no task is under way.
  std::function<std::optional<std::string>()> next;
  /// `index`: the how manieth task of next() it answers, from 0. In any order, as soon as a result is there.
  std::function<void(std::size_t index, const std::string& result)> done;
};

class TaskPool {
 public:
  virtual ~TaskPool() = default;
  /// Until next() has nothing and all that was begun is done. No task is begun once `stop` turns true. Throws what a
  /// task or the stream threw.
  virtual void run(const TaskStream& stream, const TaskWork& work, const std::function<bool()>& stop) = 0;
};

/// Threads of this process, each taking the next task as soon as it has nothing to do.
class ThreadPool : public TaskPool {
 public:
  explicit ThreadPool(int threads) : threads_(threads) {}
  void run(const TaskStream& stream, const TaskWork& work, const std::function<bool()>& stop) override;

 private:
  int threads_;
};

}  // namespace bigmac
