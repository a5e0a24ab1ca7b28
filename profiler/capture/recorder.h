// The recording of this process: one writer thread that empties the threads' logs and the GPU's buffers into one file.
//
// The process has at most one, made by whichever entry point is called first and never destroyed: NVTX and CUDA call in
// from any thread until the very end. Everything that touches the disk happens on the writer's thread, which has all
// signals blocked (a file size limit would raise SIGXFSZ in whoever writes).
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <thread>

#include "gpu_capture.h"
#include "output_file.h"
#include "step_window.h"
#include "thread_log.h"

namespace bigmac::capture {

class Recorder {
 public:
  /// Makes the recorder on the first call. Null where nothing is to be recorded (no folder given), it cannot start,
  /// this process was forked from the one that started it, or it has finished.
  static Recorder* get();
  /// The same, without making it. The one load that a disarmed NVTX call costs.
  static Recorder* armed();

  Time now() const { return monotonic_ns_since_base(); }
  /// Null while a thread is being torn down.
  ThreadLog* log();
  std::uint32_t add_domain(std::string name);
  StepWindow& window() { return window_; }
  /// Tells the window, and the GPU's side where it opens or closes.
  void begin_step(ThreadLog& log, Time time);

  /// Wakes the writer, once, if `log` fills.
  void eased(const ThreadLog& log) {
    if (log.waiting() > ThreadLog::kMaxBytes / 4 && !woken_.exchange(true, std::memory_order_relaxed))
      wake_.notify_one();
  }
  void note(const std::string& text);
  /// CUDA has been initialised: start the GPU's side.
  void start_gpu();
  /// Empties everything, writes the last line, renames. Later calls of anything do nothing.
  void finish();

 private:
  explicit Recorder(Settings settings);
  bool start();
  void run();
  void drain();
  void drain_logs();
  void drain_gpu();
  void write_lines();
  void write_end();
  Time monotonic_ns_since_base() const;
  std::string_view domain_name(std::uint32_t domain);
  std::vector<std::shared_ptr<ThreadLog>> logs();
  std::vector<std::pair<std::string, double>> costs();

  Settings settings_;
  Time base_ = 0;
  StepWindow window_;
  OutputFile file_;
  TraceLines lines_;
  GpuCapture gpu_;

  std::mutex mutex_;  ///< of what follows
  std::condition_variable wake_, done_;
  std::vector<std::shared_ptr<ThreadLog>> logs_;
  std::deque<std::string> domains_;
  std::vector<std::string> notes_;
  bool stop_ = false, finished_ = false;

  std::uint64_t lost_ = 0;                                  // the writer's own
  std::uint64_t calls_ = 0, sampled_ = 0, sampled_ns_ = 0;  // of threads that have left
  DecodeCounts decoded_;
  bool said_driver_ = false;
  std::string taken_;  ///< goes round between the logs and the writer, so that neither allocates anew
  std::atomic<bool> woken_{false};
};

}  // namespace bigmac::capture
