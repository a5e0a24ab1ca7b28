#include "gpu_capture.h"

#include "clock.h"
#include "driver_sync.h"

namespace bigmac::capture {
namespace {

using namespace cupti;

// CUPTI's buffer callbacks carry no user pointer.
std::atomic<GpuBuffers*> shared_buffers{nullptr};

void buffer_requested(std::uint8_t** buffer, std::size_t* size, std::size_t* max_records) noexcept {
  *buffer = shared_buffers.load()->take_empty();
  *size = *buffer == nullptr ? 0 : GpuBuffers::kBytes;
  *max_records = 0;  // as many as fit
}

void buffer_completed(void*, std::uint32_t, std::uint8_t* buffer, std::size_t, std::size_t valid) noexcept {
  if (buffer == nullptr) return;
  try {
    shared_buffers.load()->give_full(buffer, valid);
  } catch (...) {  // out of memory: the buffer is lost, the host goes on
  }
}

std::uint64_t timestamp() noexcept { return static_cast<std::uint64_t>(monotonic_ns()); }

struct NamedKind {
  Kind kind;
  const char* name;
};
// What there is only as long as it is asked for, and what tells where a time or an address belongs.
constexpr NamedKind kFrame[] = {{Kind::device, "devices"}, {Kind::context, "contexts"}, {Kind::stream, "streams"}};
constexpr NamedKind kWork[] = {{Kind::concurrent_kernel, "kernels"},
                               {Kind::memcpy, "copies"},
                               {Kind::memcpy2, "peer copies"},
                               {Kind::memset, "memory sets"},
                               {Kind::synchronization, "synchronisation"},
                               {Kind::cuda_event, "events"},
                               {Kind::overhead, "overhead"}};
constexpr NamedKind kMemory[] = {{Kind::memory2, "memory"}, {Kind::memory_pool, "memory pools"}};

bool flushes(std::string_view name) {
  return name == "cudaDeviceReset" || name == "cuProfilerStop" || name == "cudaProfilerStop" ||
         name == "cuDevicePrimaryCtxReset_v2";
}

bool launches_work(std::string_view name) {
  return name.starts_with("cuLaunchKernel") || name.starts_with("cuLaunchCooperativeKernel");
}

}  // namespace

bool GpuCapture::start(const Settings& settings, bool open, Note note, Node node) {
  note_ = std::move(note);
  node_ = std::move(node);
  memory_only_ = settings.mode == "memory";
  library_ = load_cupti(settings.cupti_library);
  if (!library_.usable()) {
    note_(library_.path.empty() ? "GPU not recorded: no libcupti was found; NVTX only"
                                : "GPU not recorded: " + library_.path + " lacks functions that are needed; NVTX only");
    return false;
  }
  if (library_.get_version) library_.get_version(&version_);
  if (!subscribe()) return false;
  shared_buffers = &buffers_;
  if (library_.set_thread_id_type) library_.set_thread_id_type(kThreadIdSystem);
  agree_on_clock();
  const Result registered = library_.register_callbacks(buffer_requested, buffer_completed);
  if (registered != kSuccess) {
    note_("GPU not recorded: CUPTI took no buffers: " + library_.explain(registered) + "; NVTX only");
    return false;
  }
  choose_callbacks();
  started_ = running_ = true;
  for (const auto& [kind, name] : kFrame) enable(kind, name);
  if (open) open_window();
  return true;
}

bool GpuCapture::subscribe() {
  char holder[128] = "";
  SubscriberParams params{sizeof(SubscriberParams), "bigmac-profile", holder, sizeof holder};
  const Result result = library_.subscribe_v2 ? library_.subscribe_v2(&subscriber_, callback, this, &params)
                                              : library_.subscribe(&subscriber_, callback, this);
  if (result == kSuccess) return true;
  if (result == kMultipleSubscribers)
    note_("GPU not recorded: CUPTI is held by " + (holder[0] ? std::string(holder) : std::string("another tool")) +
          "; NVTX only");
  else if (result == kUnknownError)
    note_("GPU not recorded: CUPTI " + std::to_string(version_) + " finds no working driver (error 999); NVTX only");
  else note_("GPU not recorded: CUPTI refused: " + library_.explain(result) + "; NVTX only");
  return false;
}

// Best: CUPTI takes its timestamps from our clock. Else the distance between the two clocks is measured, to within one
// call.
void GpuCapture::agree_on_clock() {
  if (library_.register_timestamp && library_.register_timestamp(timestamp) == kSuccess) return;
  std::uint64_t theirs = 0;
  if (library_.get_timestamp && library_.get_timestamp(&theirs) == kSuccess && theirs > 0)
    clock_offset_ = static_cast<Time>(theirs) - monotonic_ns();
  else note_("CUPTI's clock is unknown: its times and NVTX's cannot be joined");
}

void GpuCapture::choose_callbacks() {
  constexpr std::uint32_t kMostIds = 8192, kMostUnnamed = 64;
  for (const Domain domain : {Domain::runtime, Domain::driver}) {
    std::uint32_t unnamed = 0;
    for (std::uint32_t id = 1; id < kMostIds && unnamed < kMostUnnamed; ++id) {
      const char* text = nullptr;
      if (library_.callback_name(domain, id, &text) != kSuccess || text == nullptr) {
        ++unnamed;
        continue;
      }
      unnamed = 0;
      const std::string name = plain_call_name(text);
      if (is_recorded_call(name)) calls_.emplace_back(domain, id);
      const bool counts = domain == Domain::driver && launches_work(name);
      if (counts) launch_ids_.push_back(id);
      if ((counts || flushes(name)) && library_.enable_callback) library_.enable_callback(1, subscriber_, domain, id);
    }
  }
  if (!library_.enable_callback || !library_.graph_node_id) return;
  for (const std::uint32_t id : {kGraphNodeCreated, kGraphNodeCloned})
    library_.enable_callback(1, subscriber_, Domain::resource, id);
}

void GpuCapture::enable(Kind kind, const char* name) {
  const Result result = library_.enable(kind);
  if (result != kSuccess) note_(std::string(name) + " not recorded: " + library_.explain(result));
}

void GpuCapture::switch_calls(bool on) {
  if (!library_.enable_runtime_api || !library_.enable_driver_api) {
    if (on) enable(Kind::runtime, "runtime calls");
    else if (library_.disable) library_.disable(Kind::runtime);
    return;
  }
  for (const auto& [domain, id] : calls_) {
    const auto enable_api = domain == Domain::runtime ? library_.enable_runtime_api : library_.enable_driver_api;
    enable_api(id, on ? 1 : 0);
  }
}

void GpuCapture::switch_activity(bool on) {
  const auto switch_kinds = [&](const auto& kinds) {
    for (const auto& [kind, name] : kinds) {
      if (on) enable(kind, name);
      else if (library_.disable) library_.disable(kind);
    }
  };
  if (!memory_only_) switch_kinds(kWork);
  switch_kinds(kMemory);
  switch_calls(on);
  window_open_ = on;
}

void GpuCapture::open_window() {
  if (running_ && !window_open_) switch_activity(true);
}

void GpuCapture::close_window() {
  if (!running_ || !window_open_) return;
  flush_all();
  switch_activity(false);
}

void GpuCapture::flush_complete() {
  if (running_) library_.flush_all(0);
}

void GpuCapture::flush_all() {
  if (!running_) return;
  wait_for_devices();
  library_.flush_all(kFlushForced);
}

void GpuCapture::stop() {
  if (!running_) return;
  flush_all();
  running_ = false;
  std::size_t dropped = 0;
  if (library_.dropped_records && library_.dropped_records(nullptr, 0, &dropped) == kSuccess)
    dropped_records_ += dropped;
}

void GpuCapture::callback(void* user, Domain domain, std::uint32_t id, const void* data) noexcept {
  try {
    static_cast<GpuCapture*>(user)->on_callback(domain, id, data);
  } catch (...) {  // out of memory: an event less, the host goes on
  }
}

void GpuCapture::on_callback(Domain domain, std::uint32_t id, const void* data) {
  if (!running_ || data == nullptr) return;
  if (domain == Domain::resource) return on_graph_node(id, *static_cast<const ResourceData*>(data));
  if (static_cast<const CallbackData*>(data)->site != kApiEnter) return;
  for (const std::uint32_t launch : launch_ids_)
    if (domain == Domain::driver && id == launch) {
      launches_.fetch_add(window_open_ ? 1 : 0, std::memory_order_relaxed);
      return;
    }
  flush_all();  // the only other callbacks that were switched on
}

// All kernels of a graph share their launch's correlation; what they belong to was open when their node was made, or
// captured.
void GpuCapture::on_graph_node(std::uint32_t id, const ResourceData& data) {
  const auto* graph = static_cast<const GraphData*>(data.descriptor);
  if (graph == nullptr || (id != kGraphNodeCreated && id != kGraphNodeCloned)) return;
  std::uint64_t node = 0, original = 0;
  if (library_.graph_node_id(graph->node, &node) != kSuccess) return;
  if (id == kGraphNodeCloned && library_.graph_node_id(graph->original_node, &original) != kSuccess) return;
  node_(node, original);
}

std::string GpuCapture::call_name(bool driver, std::uint32_t callback) const {
  const char* text = nullptr;
  if (library_.callback_name &&
      library_.callback_name(driver ? Domain::driver : Domain::runtime, callback, &text) == kSuccess && text != nullptr)
    return plain_call_name(text);
  return (driver ? "driver call " : "runtime call ") + std::to_string(callback);
}

}  // namespace bigmac::capture
