#include "recorder.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "clock.h"
#include "driver_sync.h"

namespace bigmac::capture {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(100);       // between two looks at the logs
constexpr int kPeriodsPerFlush = 10;                           // and between two flushes of the GPU's buffers
constexpr auto kLongestWaitAtExit = std::chrono::seconds(20);  // for a disk that hangs

// The exception to "no globals": the entry points are C functions that the host's libraries call without any state of
// ours.
std::atomic<Recorder*> armed_recorder{nullptr};
std::atomic<bool> made{false};
std::mutex making;

/// The log of a thread, found through thread-local storage; its destructor runs when the thread ends.
struct LogHolder {
  std::shared_ptr<ThreadLog> log;
  ~LogHolder();
};
thread_local LogHolder holder;
thread_local bool thread_is_gone = false;

LogHolder::~LogHolder() {
  thread_is_gone = true;
  // In a forked child the log's lock may be held by a writer that does not exist there.
  if (Recorder* recorder = Recorder::armed(); log && recorder != nullptr) log->leave(recorder->now());
}

/// After a fork the child has no writer, and CUDA does not survive either: it records nothing.
void disarm_child() {
  armed_recorder = nullptr;
  made = true;
}

void finish_at_exit() {
  if (Recorder* recorder = Recorder::armed()) recorder->finish();
}

void say_on_stderr(const std::string& text) {
  const std::string line = "bigmac-profile: " + text + "\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

template <class Body>
std::thread thread_without_signals(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Recorder* Recorder::armed() { return armed_recorder.load(std::memory_order_acquire); }

Recorder* Recorder::get() {
  if (made.load(std::memory_order_acquire)) return armed();
  const std::lock_guard lock(making);
  if (made) return armed();
  const Settings settings = settings_from_environment();
  if (!settings.folder.empty()) {
    static Recorder* recorder = new Recorder(settings);  // lives until the process ends
    if (recorder->start()) armed_recorder = recorder;
  }
  made.store(true, std::memory_order_release);
  return armed();
}

Recorder::Recorder(Settings settings)
    : settings_(std::move(settings)),
      base_(monotonic_ns()),
      window_(settings_.step_range, settings_.steps),
      lines_([this](bool driver, std::uint32_t callback) { return gpu_.call_name(driver, callback); }) {
  domains_.emplace_back();  // 0: the default domain
}

bool Recorder::start() {
  const Header header = header_of_this_process(settings_, unix_ns() - (monotonic_ns() - base_));
  if (!file_.open(settings_.folder, header.host + "." + std::to_string(header.pid))) {
    say_on_stderr("nothing is recorded: " + file_.error());
    return false;
  }
  lines_.header(header);
  pthread_atfork(nullptr, nullptr, disarm_child);
  std::atexit(finish_at_exit);
  thread_without_signals([this] { run(); }).detach();
  return true;
}

Time Recorder::monotonic_ns_since_base() const { return monotonic_ns() - base_; }

ThreadLog* Recorder::log() {
  if (thread_is_gone) return nullptr;
  if (!holder.log) {
    holder.log = std::make_shared<ThreadLog>(static_cast<std::uint32_t>(syscall(SYS_gettid)));
    const std::lock_guard lock(mutex_);
    logs_.push_back(holder.log);
  }
  return holder.log.get();
}

std::uint32_t Recorder::add_domain(std::string name) {
  constexpr std::size_t kMostDomains = 65536;
  const std::lock_guard lock(mutex_);
  if (domains_.size() == kMostDomains) return 0;
  domains_.push_back(std::move(name));
  return static_cast<std::uint32_t>(domains_.size() - 1);
}

std::string_view Recorder::domain_name(std::uint32_t domain) {
  const std::lock_guard lock(mutex_);
  return domains_[domain];  // a deque: the text stays where it is
}

void Recorder::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  notes_.push_back(text);
}

void Recorder::begin_step(ThreadLog& log, Time time) {
  const StepWindow::Step step = window_.next();
  if (step.change == StepWindow::Change::opened) {
    window_.set_inside(true);
    gpu_.open_window();
  }
  if (step.change == StepWindow::Change::closed) {
    gpu_.close_window();
    window_.set_inside(false);
  }
  LogEntry entry;
  entry.start = time;
  entry.number = static_cast<std::uint64_t>(step.number);
  entry.kind = LogKind::step;
  log.add(entry, "");
}

void Recorder::start_gpu() {
  const auto node = [this](std::uint64_t id, std::uint64_t original) {
    ThreadLog* log = armed() ? this->log() : nullptr;
    if (log == nullptr) return;
    LogEntry entry;
    entry.start = now();
    entry.number = id;
    entry.original = original;
    entry.kind = LogKind::node;
    log->add(entry, "");
  };
  if (gpu_.start(
          settings_, window_.inside(), [this](const std::string& text) { note(text); }, node))
    std::atexit(finish_at_exit);  // handlers run last first: before those of CUDA libraries that were loaded earlier
}

std::vector<std::shared_ptr<ThreadLog>> Recorder::logs() {
  const std::lock_guard lock(mutex_);
  return logs_;
}

void Recorder::run() {
  for (int period = 0;; ++period) {
    bool stop = false;
    {
      std::unique_lock lock(mutex_);
      if (!stop_) wake_.wait_for(lock, kPeriod);
      stop = stop_;
    }
    if (!stop && period % kPeriodsPerFlush == 0) gpu_.flush_complete();
    drain();
    if (stop) break;
  }
  write_end();
  const std::lock_guard lock(mutex_);
  finished_ = true;
  done_.notify_all();
}

void Recorder::drain() {
  drain_logs();
  drain_gpu();
  std::vector<std::string> notes;
  {
    const std::lock_guard lock(mutex_);
    notes.swap(notes_);
  }
  for (const std::string& text : notes) lines_.note(text);
  write_lines();
}

// After every log and buffer: each makes several times its size in text, and memory stays bounded.
void Recorder::write_lines() {
  const bool failed_before = file_.failed();
  if (!lines_.text().empty()) file_.write(lines_.text());
  lines_.text().clear();
  if (file_.failed() && !failed_before) say_on_stderr("the recording stops here: " + file_.error());
}

void Recorder::drain_logs() {
  woken_ = false;
  for (const auto& log : logs()) {
    taken_.clear();
    const bool left = log->take(taken_, lost_);
    each_event(
        taken_, [this](std::uint32_t domain) { return domain_name(domain); },
        [this](const Event& event) { lines_.append(event); });
    write_lines();
    if (!left) continue;
    const ThreadLog::Cost cost = log->cost();
    calls_ += cost.calls, sampled_ += cost.sampled, sampled_ns_ += static_cast<std::uint64_t>(cost.sampled_ns);
    const std::lock_guard lock(mutex_);
    std::erase(logs_, log);
  }
}

void Recorder::drain_gpu() {
  if (gpu_.started() && !said_driver_) {
    lines_.driver(driver_version(), gpu_.cupti_version());
    said_driver_ = true;
  }
  for (const GpuBuffers::Full& full : gpu_.buffers().take_full()) {
    decoded_ += decode_buffer(full.data, full.valid, gpu_.next_record(), base_ + gpu_.clock_offset(),
                              [this](const Event& event) { lines_.append(event); });
    gpu_.buffers().give_empty(full.data);
    write_lines();
  }
}

std::vector<std::pair<std::string, double>> Recorder::costs() {
  ThreadLog::Cost cost{calls_, sampled_, static_cast<Time>(sampled_ns_)};
  for (const auto& log : logs()) {
    const ThreadLog::Cost more = log->cost();
    cost.calls += more.calls, cost.sampled += more.sampled, cost.sampled_ns += more.sampled_ns;
  }
  std::vector<std::pair<std::string, double>> out = {
      {"nvtx_calls", static_cast<double>(cost.calls)},
      {"writer_cpu_ns", static_cast<double>(read_clock(CLOCK_THREAD_CPUTIME_ID))},
      {"launches", static_cast<double>(gpu_.launches())}};
  if (cost.sampled > 0)
    out.emplace_back("nvtx_call_ns", static_cast<double>(cost.sampled_ns) / static_cast<double>(cost.sampled));
  return out;
}

void Recorder::write_end() {
  for (const auto& log : logs())
    log->each_open([&](Time start, std::string_view name, std::uint32_t domain) {
      lines_.append(OpenEvent{start, now(), log->thread(), name, domain_name(domain)});
    });
  const std::pair<std::uint64_t, const char*> losses[] = {
      {lost_, "NVTX events that came faster than they were written"},
      {decoded_.no_time, "GPU records without a time"},
      {decoded_.backwards, "GPU records that end before they start"},
      {decoded_.bad_value, "GPU records of an undocumented kind of operation"},
      {decoded_.unknown_kind, "GPU records of a kind that was not asked for"},
      {decoded_.cut, "GPU buffers that end within a record"},
      {gpu_.dropped(), "GPU records or buffers that CUPTI or the recorder dropped"}};
  for (const auto& [count, why] : losses)
    if (count > 0) lines_.dropped(count, why);
  if (gpu_.launches() > 0 && lines_.count<KernelEvent>() == 0)
    lines_.note(std::to_string(gpu_.launches()) +
                " kernels were launched and none recorded: another tool in the process (torch.profiler?) has taken "
                "over CUPTI's buffers, which serve one at a time");
  if (window_.limited() && window_.begun() == 0)
    lines_.note("no range named '" + settings_.step_range +
                "' began, so no step was recorded (--step-range names another)");
  lines_.end(now(), unix_ns(), "exit", costs());
  write_lines();
  file_.finish();
}

void Recorder::finish() {
  gpu_.stop();
  armed_recorder = nullptr;
  std::unique_lock lock(mutex_);
  stop_ = true;
  wake_.notify_all();
  if (!done_.wait_for(lock, kLongestWaitAtExit, [this] { return finished_; }))
    say_on_stderr("the recording could not be completed: the disk does not answer");
}

}  // namespace bigmac::capture
