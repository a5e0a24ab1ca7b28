// Where a search's units of work are done: on threads of this process, or on other processes (planner/mpi_pool.h).
//
// Tasks and results are text, so that what arrives from another process, from a journal and from a thread here is the
// same by construction. A result depends on its task alone.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace bigmac {

using TaskWork = std::function<std::string(const std::string& task)>;

class TaskPool {
 public:
  virtual ~TaskPool() = default;
  /// Calls done(i, result) once for each task, in any order, one call at a time, as soon as its result is there. Tasks
  /// not begun when `stop` turns true are left out. Throws what a task threw.
  virtual void run(const std::vector<std::string>& tasks, const TaskWork& work,
                   const std::function<void(std::size_t, std::string)>& done, const std::function<bool()>& stop) = 0;
};

/// Threads of this process.
class ThreadPool : public TaskPool {
 public:
  explicit ThreadPool(int threads) : threads_(threads) {}
  void run(const std::vector<std::string>& tasks, const TaskWork& work,
           const std::function<void(std::size_t, std::string)>& done, const std::function<bool()>& stop) override;

 private:
  int threads_;
};

}  // namespace bigmac
