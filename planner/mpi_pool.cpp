#include "bigmac/planner/mpi_pool.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <future>
#include <optional>
#include <thread>

#ifdef BIGMAC_HAVE_MPI
#include <mpi.h>
#endif

#include "bigmac/base/error.h"

namespace bigmac {

#ifdef BIGMAC_HAVE_MPI
namespace {

enum Tag : int { kTasks = 1, kResult = 2, kEnd = 3 };
constexpr auto kPause = std::chrono::microseconds(50);
// Chunks a process holds, so that it need not wait for the next.
constexpr int kAhead = 2;

void send(int to, Tag tag, const std::string& text) {
  MPI_Send(text.data(), static_cast<int>(text.size()), MPI_CHAR, to, tag, MPI_COMM_WORLD);
}

struct Message {
  int from, tag;
  std::string text;
};

std::optional<Message> receive_if_any(int from) {
  int there = 0;
  MPI_Status status;
  MPI_Iprobe(from, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
  if (there == 0) return std::nullopt;
  int size = 0;
  MPI_Get_count(&status, MPI_CHAR, &size);
  Message message{status.MPI_SOURCE, status.MPI_TAG, std::string(static_cast<std::size_t>(size), '\0')};
  MPI_Recv(message.text.data(), size, MPI_CHAR, message.from, message.tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  return message;
}

/// "index<TAB>text".
std::string numbered(std::size_t index, const std::string& text) { return std::to_string(index) + "\t" + text; }

std::pair<std::size_t, std::string> parse_numbered(const std::string& text) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  BIGMAC_CHECK(error == std::errc{} && *end == '\t');
  return {index, text.substr(static_cast<std::size_t>(end - text.data()) + 1)};
}

/// One call of run(): what is left, who holds what.
class Batch {
 public:
  Batch(int processes, const std::vector<std::string>& tasks, const TaskWork& work,
        const std::function<void(std::size_t, std::string)>& done, const std::function<bool()>& stop)
      : tasks_(tasks), work_(work), done_(done), stop_(stop), held_(static_cast<std::size_t>(processes), 0) {}

  void run() {
    while (true) {
      if (stop_ && stop_()) next_ = tasks_.size();
      hand_out();
      const bool moved = collect();
      if (next_ == tasks_.size() && outstanding_ == 0 && !own_.valid()) return;
      if (!moved) std::this_thread::sleep_for(kPause);
    }
  }

 private:
  void hand_out() {
    for (int ahead = 1; ahead <= kAhead; ++ahead)
      for (std::size_t process = 1; process < held_.size() && next_ < tasks_.size(); ++process)
        if (held_[process] < ahead) give(process);
    if (!own_.valid() && next_ < tasks_.size())
      own_ = std::async(std::launch::async, [this, index = next_++] { return std::pair(index, work_(tasks_[index])); });
  }

  // One message a task: a share of what is left goes to one process while others wait for theirs.
  void give(std::size_t process) {
    const std::size_t chunk = std::max<std::size_t>(1, (tasks_.size() - next_) / (4 * held_.size()));
    for (std::size_t i = 0; i < chunk && next_ < tasks_.size(); ++i) {
      send(static_cast<int>(process), kTasks, numbered(next_, tasks_[next_]));
      ++next_, ++held_[process], ++outstanding_;
    }
  }

  bool collect() {
    bool any = false;
    while (auto message = receive_if_any(MPI_ANY_SOURCE)) {
      --held_[static_cast<std::size_t>(message->from)], --outstanding_;
      auto [index, text] = parse_numbered(message->text);
      done_(index, std::move(text));
      any = true;
    }
    if (own_.valid() && own_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      auto [index, text] = own_.get();
      done_(index, std::move(text));
      any = true;
    }
    return any;
  }

  const std::vector<std::string>& tasks_;
  const TaskWork& work_;
  const std::function<void(std::size_t, std::string)>& done_;
  const std::function<bool()>& stop_;
  std::vector<int> held_;  // by process: tasks given and not answered
  std::future<std::pair<std::size_t, std::string>> own_;
  std::size_t next_ = 0, outstanding_ = 0;
};

class MpiPool : public TaskPool {
 public:
  explicit MpiPool(int processes) : processes_(processes) {}
  ~MpiPool() override {
    for (int process = 1; process < processes_; ++process) send(process, kEnd, "");
  }
  void run(const std::vector<std::string>& tasks, const TaskWork& work,
           const std::function<void(std::size_t, std::string)>& done, const std::function<bool()>& stop) override {
    Batch(processes_, tasks, work, done, stop).run();
  }

 private:
  int processes_;
};

bool started_by_mpirun() {
  return std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMI_SIZE") != nullptr ||
         std::getenv("PMIX_RANK") != nullptr;
}

}  // namespace

Processes::Processes() {
  if (!started_by_mpirun()) return;
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  begun_ = true;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &count_);
}

Processes::~Processes() {
  if (begun_) MPI_Finalize();
}

std::unique_ptr<TaskPool> Processes::pool() const {
  if (count_ == 1 || rank_ != 0) return nullptr;
  return std::make_unique<MpiPool>(count_);
}

void Processes::serve(const TaskWork& work) const {
  while (true) {
    const auto message = receive_if_any(0);
    if (!message) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    if (message->tag == kEnd) return;
    const auto [index, task] = parse_numbered(message->text);
    send(0, kResult, numbered(index, work(task)));
  }
}

#else

Processes::Processes() = default;
Processes::~Processes() = default;
std::unique_ptr<TaskPool> Processes::pool() const { return nullptr; }
void Processes::serve(const TaskWork&) const {}

#endif

}  // namespace bigmac
