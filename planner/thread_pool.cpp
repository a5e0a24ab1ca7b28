#include <mutex>

#include "bigmac/planner/task_pool.h"
#include "parallel_for.h"

namespace bigmac {

void ThreadPool::run(const std::vector<std::string>& tasks, const TaskWork& work,
                     const std::function<void(std::size_t, std::string)>& done, const std::function<bool()>& stop) {
  std::mutex one_at_a_time;
  parallel_for(tasks.size(), threads_, [&](std::size_t i) {
    if (stop && stop()) return;
    std::string result = work(tasks[i]);
    const std::lock_guard lock(one_at_a_time);
    done(i, std::move(result));
  });
}

}  // namespace bigmac
