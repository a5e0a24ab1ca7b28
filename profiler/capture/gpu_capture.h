// The GPU's side of the recording: CUPTI subscribed, its activity switched on, its buffers collected for the writer.
//
// Runs on the host's threads and on CUPTI's own; holds no lock while it calls CUPTI. Whatever fails leaves a note and
// an NVTX-only recording.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "cupti_library.h"
#include "gpu_buffers.h"
#include "settings.h"

namespace bigmac::capture {

class GpuCapture {
 public:
  using Note = std::function<void(const std::string&)>;
  using Node = std::function<void(std::uint64_t node, std::uint64_t original)>;

  /// Subscribes and enables what `settings` ask for; `open`: the step window is open. False, with a note, where there
  /// is nothing to record.
  bool start(const Settings& settings, bool open, Note note, Node node);
  bool started() const { return started_.load(); }  ///< stays true after stop()

  void open_window();
  void close_window();
  /// Buffers whose records are complete; called now and then, for processes that leave without their exit handlers.
  void flush_complete();
  /// Waits for the GPU and takes everything.
  void flush_all();
  void stop();
  /// What stop() noticed: launches without kernels, buffers that CUPTI dropped.
  std::uint64_t dropped() const { return dropped_records_ + buffers_.dropped(); }
  std::uint64_t launches() const { return launches_.load(); }

  // For the writer.
  GpuBuffers& buffers() { return buffers_; }
  NextRecord next_record() const { return library_.next_record; }
  /// CUPTI's clock less the recorder's: 0 where CUPTI uses ours.
  Time clock_offset() const { return clock_offset_; }
  std::string call_name(bool driver, std::uint32_t callback) const;
  std::int64_t cupti_version() const { return version_; }

 private:
  bool subscribe();
  void agree_on_clock();
  void choose_callbacks();
  void switch_activity(bool on);
  void switch_calls(bool on);
  void enable(cupti::Kind kind, const char* name);
  void on_callback(cupti::Domain domain, std::uint32_t id, const void* data);
  void on_graph_node(std::uint32_t id, const cupti::ResourceData& data);
  static void callback(void* user, cupti::Domain domain, std::uint32_t id, const void* data) noexcept;

  CuptiLibrary library_;
  GpuBuffers buffers_;
  Note note_;
  Node node_;
  void* subscriber_ = nullptr;
  bool memory_only_ = false;
  Time clock_offset_ = 0;
  std::uint32_t version_ = 0;
  std::uint64_t dropped_records_ = 0;
  std::vector<std::pair<cupti::Domain, std::uint32_t>> calls_;  ///< API functions that are recorded
  std::vector<std::uint32_t> launch_ids_;                       ///< of the driver's API
  std::atomic<bool> started_{false}, running_{false}, window_open_{false};
  std::atomic<std::uint64_t> launches_{0};
};

/// "cudaLaunchKernel_ptsz_v7000" -> "cudaLaunchKernel"; the driver's "_v2" stays.
std::string plain_call_name(std::string name);
/// Whether an API function is worth a record: launches, copies, sets, allocations, graphs and what waits.
bool is_recorded_call(std::string_view name);

}  // namespace bigmac::capture
