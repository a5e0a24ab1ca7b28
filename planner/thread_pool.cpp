#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "bigmac/planner/task_pool.h"

namespace bigmac {
namespace {

/// One call of run(), shared by its threads.
class Crew {
 public:
  Crew(const TaskStream& stream, const TaskWork& work, const std::function<bool()>& stop)
      : stream_(stream), work_(work), stop_(stop) {}

  void run(int threads) {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back([this] { serve(); });
    serve();
    others.clear();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    try {
      while (!ended_)
        if (!take_one(lock)) wait_or_end(lock);
    } catch (...) {
      if (!lock.owns_lock()) lock.lock();
      if (!failure_) failure_ = std::current_exception();
      end();
    }
  }

  /// False when there is nothing to take for now.
  bool take_one(std::unique_lock<std::mutex>& lock) {
    if (stop_ && stop_()) return false;
    const std::optional<std::string> task = stream_.next();
    if (!task) return false;
    const std::size_t index = begun_++;
    ++under_way_;
    lock.unlock();
    const std::string result = work_(*task);
    lock.lock();
    --under_way_;
    if (!failure_) stream_.done(index, result);
    changed_.notify_all();
    return true;
  }

  void wait_or_end(std::unique_lock<std::mutex>& lock) {
    if (under_way_ == 0) end();
    else changed_.wait(lock);
  }
  void end() {
    ended_ = true;
    changed_.notify_all();
  }

  const TaskStream& stream_;
  const TaskWork& work_;
  const std::function<bool()>& stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t begun_ = 0, under_way_ = 0;
  bool ended_ = false;
  std::exception_ptr failure_;
};

}  // namespace

void ThreadPool::run(const TaskStream& stream, const TaskWork& work, const std::function<bool()>& stop) {
  const int usable = std::min(threads_, std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  Crew(stream, work, stop).run(usable);
}

}  // namespace bigmac
