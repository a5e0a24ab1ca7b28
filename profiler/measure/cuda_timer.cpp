// The GPU behind KernelTimer: matrix products by cuBLASLt, the rest by our kernels, timed by CUDA events around a graph
// of the repeats, so that the host's launches are not timed. Repeats rotate over copies of their operands until these
// exceed twice the L2 cache: in training operands come from memory too.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <optional>

#include "bigmac/base/error.h"
#include "bigmac/profiler/measure.h"
#include "cuda_kernels.h"
#include "cuda_libraries.h"
#include "cuda_products.h"
#include "cuda_timer.h"

namespace bigmac {
namespace {

using namespace cuda;

constexpr double kShareOfFreeMemory = 0.85;
constexpr std::size_t kWorkspace = std::size_t{64} << 20, kAlignment = 256;
constexpr int kMostCopies = 64;

class CudaTimer : public KernelTimer {
 public:
  CudaTimer(const Driver& driver, const BlasLt& blas, const Nvrtc& nvrtc, int ordinal) : driver_(driver) {
    check(driver_.init(0), "cuInit");
    int count = 0, device = 0;
    check(driver_.device_count(&count), "cuDeviceGetCount");
    if (ordinal < 0 || ordinal >= count)
      bad_input("--gpu",
                "expected a device from 0 to " + std::to_string(count - 1) + ", found " + std::to_string(ordinal));
    check(driver_.device_get(&device, ordinal), "cuDeviceGet");
    products_.emplace(blas);
    Handle context = nullptr;
    check(driver_.context_retain(&context, device), "cuDevicePrimaryCtxRetain");
    check(driver_.context_set(context), "cuCtxSetCurrent");
    read_facts(device, nvrtc);
    load_kernels(nvrtc);
    products_->open();
    allocate();
  }

  ~CudaTimer() override { driver_.release(arena_); }

  double memory_bytes() const override { return static_cast<double>(bytes_); }

  double run_ns(const KernelCase& kernel, int repeats) override {
    prepare(kernel);
    if (repeats != captured_repeats_) capture(kernel, repeats);
    float milliseconds = 0;
    check(driver_.event_record(start_, stream_), "cuEventRecord");
    check(driver_.graph_launch(executable_, stream_), "cuGraphLaunch");
    check(driver_.event_record(end_, stream_), "cuEventRecord");
    check(driver_.event_wait(end_), "cuEventSynchronize");
    check(driver_.event_elapsed(&milliseconds, start_, end_), "cuEventElapsedTime");
    return 1e6 * static_cast<double>(milliseconds);
  }

  DeviceRecord record() const { return record_; }

 private:
  void check(int result, const char* what) const {
    if (result == 0) return;
    const char* text = nullptr;
    if (driver_.error_name(result, &text) != 0 || text == nullptr) text = "unknown";
    bad_input("GPU",
              std::string(what) + ": " + text + " (" + std::to_string(result) + "); expected a working NVIDIA GPU");
  }

  void read_facts(int device, const Nvrtc& nvrtc) {
    char name[256] = "";
    check(driver_.device_name(name, sizeof name, device), "cuDeviceGetName");
    int version = 0, major = 0, minor = 0, nvrtc_major = 0, nvrtc_minor = 0;
    driver_.driver_version(&version);
    check(driver_.device_attribute(&major, kMajor, device), "cuDeviceGetAttribute");
    check(driver_.device_attribute(&minor, kMinor, device), "cuDeviceGetAttribute");
    check(driver_.device_attribute(&multiprocessors_, kMultiprocessors, device), "cuDeviceGetAttribute");
    check(driver_.device_attribute(&l2_bytes_, kL2Bytes, device), "cuDeviceGetAttribute");
    capability_ = 10 * major + minor;
    nvrtc.version(&nvrtc_major, &nvrtc_minor);
    record_.gpu = name;
    record_.driver =
        kernel_driver() + "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
    record_.libraries = "cuBLASLt " + std::to_string(products_->version()) + ", NVRTC " + std::to_string(nvrtc_major) +
                        "." + std::to_string(nvrtc_minor);
    const std::time_t now = std::time(nullptr);
    char date[32] = "";
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    record_.date = date;
  }

  /// "580.65.06 " of /proc/driver/nvidia/version ("NVRM version: NVIDIA UNIX ... Kernel Module  580.65.06  ..."), where
  /// it is.
  static std::string kernel_driver() {
    std::ifstream file("/proc/driver/nvidia/version");
    for (std::string word; file >> word;)
      if (word.find('.') != std::string::npos && word.find_first_not_of("0123456789.") == std::string::npos)
        return word + " ";
    return "";
  }

  void load_kernels(const Nvrtc& nvrtc) {
    const std::string ptx = compile_to_ptx(nvrtc, kernel_source(), capability_);
    Handle module = nullptr;
    check(driver_.module_load(&module, ptx.c_str()), "cuModuleLoadData");
    const auto find = [&](const char* name, Handle& function) {
      check(driver_.module_function(&function, module, name), "cuModuleGetFunction");
    };
    find("fill", fill_);
    find("stream", stream_kernel_);
    find("norm_forward", norm_forward_);
    find("norm_backward", norm_backward_);
    find("softmax_forward", softmax_forward_);
    find("softmax_backward", softmax_backward_);
  }

  void allocate() {
    std::size_t free = 0, total = 0;
    check(driver_.memory_info(&free, &total), "cuMemGetInfo");
    const auto usable = static_cast<std::size_t>(kShareOfFreeMemory * static_cast<double>(free));
    if (usable < 2 * kWorkspace) bad_input("GPU", "expected at least 256 MB of free device memory");
    bytes_ = (usable - kWorkspace) / kAlignment * kAlignment;
    check(driver_.allocate(&arena_, bytes_ + kWorkspace), "cuMemAlloc");
    check(driver_.stream_create(&stream_, kStreamNonBlocking), "cuStreamCreate");
    check(driver_.event_create(&start_, 0), "cuEventCreate");
    check(driver_.event_create(&end_, 0), "cuEventCreate");
  }

  static std::size_t aligned(double bytes) {
    return (static_cast<std::size_t>(bytes) + kAlignment) / kAlignment * kAlignment;
  }

  /// Operands of a case lie one after another, each aligned: a few bytes more than bytes_needed.
  void prepare(const KernelCase& kernel) {
    if (current_ == kernel) return;
    current_ = kernel;
    captured_repeats_ = 0;
    copy_bytes_ = aligned(bytes_needed(kernel)) + 16 * kAlignment;
    const double wanted = std::ceil(2.0 * l2_bytes_ / static_cast<double>(copy_bytes_)) + 1;
    const double fit = std::floor(static_cast<double>(bytes_) / static_cast<double>(copy_bytes_));
    copies_ = static_cast<int>(std::clamp(std::min(wanted, fit), 1.0, static_cast<double>(kMostCopies)));
    if (fit < 1) bad_input("GPU", "a kernel needs more memory than there is");  // time_case asks before
    std::uint64_t elements = copy_bytes_ / 2 * static_cast<std::size_t>(copies_);
    unsigned seed = 1;
    launch(fill_, static_cast<unsigned>(multiprocessors_) * 16, arena_, elements, seed);
    check(driver_.stream_wait(stream_), "cuStreamSynchronize");
    products_->plan(kernel, kWorkspace);
  }

  void capture(const KernelCase& kernel, int repeats) {
    if (executable_ != nullptr) driver_.executable_destroy(executable_);
    executable_ = nullptr;
    Handle graph = nullptr;
    check(driver_.capture_begin(stream_, kCaptureThreadLocal), "cuStreamBeginCapture");
    for (int i = 0; i < repeats; ++i) run(kernel, arena_ + static_cast<std::size_t>(i % copies_) * copy_bytes_);
    check(driver_.capture_end(stream_, &graph), "cuStreamEndCapture");
    check(driver_.graph_instantiate(&executable_, graph, 0), "cuGraphInstantiateWithFlags");
    driver_.graph_destroy(graph);
    captured_repeats_ = repeats;
  }

  template <class... Args>
  void launch(Handle function, unsigned blocks, Args... args) const {
    void* parameters[] = {static_cast<void*>(&args)...};
    check(driver_.launch(function, blocks, 1, 1, kBlock, 1, 1, 0, stream_, parameters, nullptr), "cuLaunchKernel");
  }

  /// Hands out the operands of one run.
  struct Operands {
    Address next;
    Address take(double bytes) {
      const Address at = next;
      next += aligned(bytes);
      return at;
    }
  };

  void run(const KernelCase& c, Address base) {
    Operands memory{base};
    const Address workspace = arena_ + bytes_;
    if (c.kind <= KernelKind::weight_gradient) return products_->run(c, base, workspace, kWorkspace, stream_);
    const double rows = static_cast<double>(c.m), width = static_cast<double>(c.k);
    if (c.kind == KernelKind::attention || c.kind == KernelKind::attention_gradient)
      return attention(c, memory, workspace);
    if (c.kind == KernelKind::stream) {
      const std::uint64_t vectors = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(c.k) / 48);
      const Address z = memory.take(width / 3), x = memory.take(width / 3), y = memory.take(width / 3);
      const std::uint64_t blocks =
          std::min<std::uint64_t>((vectors + kBlock - 1) / kBlock, static_cast<std::uint64_t>(multiprocessors_) * 16);
      return launch(stream_kernel_, static_cast<unsigned>(blocks), z, x, y, vectors);
    }
    const Address y = memory.take(2 * rows * width), x = memory.take(2 * rows * width);
    const auto n = static_cast<std::uint32_t>(c.k);
    if (c.kind == KernelKind::norm)
      return launch(norm_forward_, static_cast<unsigned>(c.m), y, x, workspace, n);  // weights: any numbers
    const Address dy = memory.take(2 * rows * width);
    launch(norm_backward_, static_cast<unsigned>(c.m), y, x, dy, workspace, n);
  }

  void attention(const KernelCase& c, Operands memory, Address workspace) {
    const double heads = static_cast<double>(c.batch), m = static_cast<double>(c.m), n = static_cast<double>(c.n),
                 k = static_cast<double>(c.k);
    const auto columns = static_cast<std::uint32_t>(c.n), rows = static_cast<std::uint32_t>(c.m);
    const auto blocks = static_cast<unsigned>(c.m * c.batch);
    const int causal = c.causal ? 1 : 0;
    AttentionOperands a{};
    a.query = memory.take(2 * heads * m * k);
    a.key = memory.take(2 * heads * n * k);
    a.value = memory.take(2 * heads * n * k);
    a.output = memory.take(2 * heads * m * k);
    a.scores = memory.take(2 * heads * m * n);
    if (c.kind == KernelKind::attention) {
      products_->scores(a, workspace, kWorkspace, stream_);
      launch(softmax_forward_, blocks, a.scores, columns, rows, causal);
      products_->values(a, workspace, kWorkspace, stream_);
      return;
    }
    a.query_gradient = memory.take(2 * heads * m * k);
    a.key_gradient = memory.take(2 * heads * n * k);
    a.value_gradient = memory.take(2 * heads * n * k);
    a.score_gradient = memory.take(2 * heads * m * n);
    products_->value_gradients(a, workspace, kWorkspace, stream_);
    launch(softmax_backward_, blocks, a.score_gradient, a.scores, columns);
    products_->score_gradients(a, workspace, kWorkspace, stream_);
  }

  Driver driver_;
  std::optional<Products> products_;
  DeviceRecord record_;
  int multiprocessors_ = 0, l2_bytes_ = 0, capability_ = 0;
  Handle fill_ = nullptr, stream_kernel_ = nullptr, norm_forward_ = nullptr, norm_backward_ = nullptr;
  Handle softmax_forward_ = nullptr, softmax_backward_ = nullptr;
  Handle stream_ = nullptr, start_ = nullptr, end_ = nullptr, executable_ = nullptr;
  Address arena_ = 0;
  std::size_t bytes_ = 0;  ///< of the arena; the workspace lies behind
  std::optional<KernelCase> current_;
  int captured_repeats_ = 0, copies_ = 1;
  std::size_t copy_bytes_ = 0;
};

}  // namespace

CudaDevice cuda::make_device(const Driver& driver, const BlasLt& blas, const Nvrtc& nvrtc, int ordinal) {
  auto timer = std::make_unique<CudaTimer>(driver, blas, nvrtc, ordinal);
  const DeviceRecord record = timer->record();
  return {std::move(timer), record};
}

CudaDevice open_cuda_device(int ordinal) {
  const Driver driver = load_driver();
  const BlasLt blas = load_blas();
  return cuda::make_device(driver, blas, load_nvrtc(), ordinal);
}

}  // namespace bigmac
