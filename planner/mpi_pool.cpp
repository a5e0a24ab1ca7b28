#include "bigmac/planner/mpi_pool.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
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
// Tasks a process holds, so that it need not wait for the next.
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

/// One call of run(): who holds what.
class Round {
 public:
  Round(int processes, const TaskStream& stream, const TaskWork& work, const std::function<bool()>& stop)
      : stream_(stream), work_(work), stop_(stop), held_(static_cast<std::size_t>(processes), 0) {}

  void run() {
    while (true) {
      const bool stopped = stop_ && stop_();
      if (!stopped) hand_out();
      const bool moved = collect();
      if (outstanding_ == 0 && (stopped || nothing_next_)) return;
      if (!moved) std::this_thread::sleep_for(kPause);
    }
  }

 private:
  /// A numbered task, or nothing.
  std::optional<std::pair<std::size_t, std::string>> next() {
    std::optional<std::string> task = stream_.next();
    nothing_next_ = !task;
    if (!task) return std::nullopt;
    ++outstanding_;
    return std::pair(begun_++, std::move(*task));
  }

  void hand_out() {
    for (int ahead = 1; ahead <= kAhead; ++ahead) {
      if (ahead == 1 && !own_.valid()) {
        auto task = next();
        if (!task) return;
        own_ = std::async(std::launch::async,
                          [this, own = std::move(*task)] { return std::pair(own.first, work_(own.second)); });
      }
      for (std::size_t process = 1; process < held_.size(); ++process) {
        if (held_[process] >= ahead) continue;
        const auto task = next();
        if (!task) return;
        send(static_cast<int>(process), kTasks, numbered(task->first, task->second));
        ++held_[process];
      }
    }
  }

  bool collect() {
    bool any = false;
    const auto finish = [&](std::size_t index, const std::string& text) {
      --outstanding_;
      any = true;
      nothing_next_ = false;
      stream_.done(index, text);
    };
    while (auto message = receive_if_any(MPI_ANY_SOURCE)) {
      --held_[static_cast<std::size_t>(message->from)];
      const auto [index, text] = parse_numbered(message->text);
      finish(index, text);
    }
    if (own_.valid() && own_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
      const auto [index, text] = own_.get();
      finish(index, text);
    }
    return any;
  }

  const TaskStream& stream_;
  const TaskWork& work_;
  const std::function<bool()>& stop_;
  std::vector<int> held_;  // by process: tasks given and not answered
  std::future<std::pair<std::size_t, std::string>> own_;
  std::size_t begun_ = 0, outstanding_ = 0;
  bool nothing_next_ = false;  // and no result came in since
};

class MpiPool : public TaskPool {
 public:
  explicit MpiPool(int processes) : processes_(processes) {}
  ~MpiPool() override {
    for (int process = 1; process < processes_; ++process) send(process, kEnd, "");
  }
  void run(const TaskStream& stream, const TaskWork& work, const std::function<bool()>& stop) override {
    Round(processes_, stream, work, stop).run();
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
