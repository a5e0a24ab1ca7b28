#include "stand_ins/fake_gpu.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace bigmac::test {
namespace {

using namespace cuda;

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

FakeGpuState state;
bool capturing = false;
using Work = std::vector<std::function<void()>>;
Work captured;
std::vector<std::unique_ptr<Work>> graphs;
double event_times[16];
std::size_t events = 0;

void fault() { ++state.faults; }
std::uint8_t* at(Address address, std::size_t bytes) {
  const auto begin = reinterpret_cast<Address>(state.memory.data());
  if (address < begin || address + bytes > begin + state.memory.size()) {
    fault();
    return nullptr;
  }
  return reinterpret_cast<std::uint8_t*>(address);
}
std::uint16_t* halves(Address address, std::size_t count) {
  return reinterpret_cast<std::uint16_t*>(at(address, 2 * count));
}

void enqueue(std::function<void()> work) {
  const auto timed = [work = std::move(work)] {
    work();
    state.elapsed_ns += 1000;
  };
  if (capturing) captured.push_back(timed);
  else timed();
}

// --- kernels, by name
// ------------------------------------------------------------------------------------------------------------

template <class T>
T parameter(void** parameters, int i) {
  T value;
  std::memcpy(&value, parameters[i], sizeof value);
  return value;
}

void softmax_row(std::uint16_t* row, std::size_t n, std::size_t last) {
  double sum = 0;
  for (std::size_t i = 0; i <= last; ++i) sum += std::exp(static_cast<double>(from_bf16(row[i])));
  for (std::size_t i = 0; i < n; ++i)
    row[i] = i <= last ? to_bf16(static_cast<float>(std::exp(static_cast<double>(from_bf16(row[i]))) / sum))
                       : std::uint16_t{0};
}

using Kernel = std::function<std::function<void()>(unsigned blocks, void** parameters)>;
const std::map<std::string, Kernel>& kernels() {
  static const std::map<std::string, Kernel> all = {
      {"fill",
       [](unsigned, void** p) {
         const auto x = parameter<Address>(p, 0);
         const auto n = parameter<std::uint64_t>(p, 1);
         return [=] {
           if (auto* out = halves(x, n))
             for (std::uint64_t i = 0; i < n; ++i)
               out[i] = to_bf16(static_cast<float>(static_cast<int>(i * 2654435761U >> 7) % 17 - 8) / 8);
         };
       }},
      {"stream",
       [](unsigned, void** p) {
         const auto z = parameter<Address>(p, 0), x = parameter<Address>(p, 1), y = parameter<Address>(p, 2);
         const auto n = parameter<std::uint64_t>(p, 3) * 8;
         return [=] {
           auto *out = halves(z, n), *a = halves(x, n), *b = halves(y, n);
           if (z < x + 2 * n && x < z + 2 * n) fault();
           for (std::uint64_t i = 0; out && a && b && i < n; ++i) out[i] = to_bf16(from_bf16(a[i]) + from_bf16(b[i]));
         };
       }},
      {"norm_forward",
       [](unsigned blocks, void** p) {
         const auto y = parameter<Address>(p, 0), x = parameter<Address>(p, 1), w = parameter<Address>(p, 2);
         const std::size_t width = parameter<std::uint32_t>(p, 3);
         return [=] { halves(y, blocks * width), halves(x, blocks * width), halves(w, width); };
       }},
      {"norm_backward",
       [](unsigned blocks, void** p) {
         const auto dx = parameter<Address>(p, 0), x = parameter<Address>(p, 1), dy = parameter<Address>(p, 2),
                    w = parameter<Address>(p, 3);
         const std::size_t width = parameter<std::uint32_t>(p, 4);
         return [=] {
           halves(dx, blocks * width), halves(x, blocks * width), halves(dy, blocks * width), halves(w, width);
         };
       }},
      {"softmax_forward",
       [](unsigned blocks, void** p) {
         const auto s = parameter<Address>(p, 0);
         const std::size_t n = parameter<std::uint32_t>(p, 1), m = parameter<std::uint32_t>(p, 2);
         const bool causal = parameter<int>(p, 3) != 0;
         return [=] {
           auto* scores = halves(s, blocks * n);
           for (std::size_t row = 0; scores && row < blocks; ++row)
             softmax_row(scores + row * n, n, causal ? row % m + n - m : n - 1);
         };
       }},
      {"softmax_backward", [](unsigned blocks, void** p) {
         const auto ds = parameter<Address>(p, 0), probabilities = parameter<Address>(p, 1);
         const std::size_t n = parameter<std::uint32_t>(p, 2);
         return [=] {
           auto *d = halves(ds, blocks * n), *q = halves(probabilities, blocks * n);
           for (std::size_t row = 0; d && q && row < blocks; ++row, d += n, q += n) {
             double sum = 0;
             for (std::size_t i = 0; i < n; ++i)
               sum += static_cast<double>(from_bf16(q[i])) * static_cast<double>(from_bf16(d[i]));
             for (std::size_t i = 0; i < n; ++i)
               d[i] = to_bf16(from_bf16(q[i]) * (from_bf16(d[i]) - static_cast<float>(sum)));
           }
         };
       }}};
  return all;
}

// --- products, column major
// ------------------------------------------------------------------------------------------------------

struct Layout {
  int type = kBf16;
  std::int64_t rows = 0, columns = 0, leading = 0, stride = 0;
  std::int32_t batch = 1;
  std::size_t bytes() const {
    const std::int64_t elements = stride * (batch - 1) + leading * (columns - 1) + rows;
    return static_cast<std::size_t>(elements) * (type == kFp32 ? 4 : 2);
  }
};
struct Operation {
  std::int32_t a = kPlain, b = kPlain;
};

float element(Address base, const Layout& l, std::int32_t transposed, std::int64_t row, std::int64_t column,
              std::int64_t batch) {
  if (transposed == kTransposed) std::swap(row, column);
  if (row >= l.rows || column >= l.columns) return fault(), 0.0F;
  const auto* data = reinterpret_cast<const std::uint16_t*>(base);
  return from_bf16(data[batch * l.stride + column * l.leading + row]);
}

int multiply(Handle, Handle operation, const void* alpha, Address a, Handle a_layout, Address b, Handle b_layout,
             const void* beta, Address c, Handle, Address d, Handle d_layout, const Algorithm*, Address workspace,
             std::size_t workspace_bytes, Handle) {
  const Operation op = *static_cast<Operation*>(operation);
  const Layout la = *static_cast<Layout*>(a_layout), lb = *static_cast<Layout*>(b_layout),
               ld = *static_cast<Layout*>(d_layout);
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  at(workspace, workspace_bytes);
  if (!at(a, la.bytes()) || !at(b, lb.bytes()) || !at(d, ld.bytes())) return 0;
  const auto apart = [&](Address x, std::size_t bytes) { return x + bytes <= d || d + ld.bytes() <= x; };
  if (!apart(a, la.bytes()) || !apart(b, lb.bytes()) || c != d) fault();
  const std::int64_t inner = op.a == kTransposed ? la.rows : la.columns;
  if (inner != (op.b == kTransposed ? lb.columns : lb.rows) || la.batch != lb.batch || la.batch != ld.batch) fault();
  enqueue([=] {
    ++state.products;
    for (std::int64_t batch = 0; batch < ld.batch; ++batch)
      for (std::int64_t column = 0; column < ld.columns; ++column)
        for (std::int64_t row = 0; row < ld.rows; ++row) {
          float sum = 0;
          for (std::int64_t k = 0; k < inner; ++k)
            sum += element(a, la, op.a, row, k, batch) * element(b, lb, op.b, k, column, batch);
          const std::int64_t place = batch * ld.stride + column * ld.leading + row;
          if (ld.type == kFp32) {
            auto* out = reinterpret_cast<float*>(d) + place;
            *out = scale * sum + keep * (keep == 0 ? 0 : *out);
          } else {
            reinterpret_cast<std::uint16_t*>(d)[place] = to_bf16(scale * sum);
          }
        }
  });
  return 0;
}

}  // namespace

FakeGpuState& fake_gpu() { return state; }
void reset_fake_gpu() {
  state = {};
  graphs.clear();
  captured.clear();
  capturing = false;
  events = 0;
}
float bf16_at(Address address, std::size_t element) {
  return from_bf16(reinterpret_cast<const std::uint16_t*>(address)[element]);
}
float fp32_at(Address address, std::size_t element) { return reinterpret_cast<const float*>(address)[element]; }

Driver fake_driver() {
  Driver d{};
  d.init = [](unsigned) { return 0; };
  d.driver_version = [](int* version) { return *version = 13000, 0; };
  d.device_count = [](int* count) { return *count = 1, 0; };
  d.device_get = [](int* device, int) { return *device = 0, 0; };
  d.device_name = [](char* name, int length, int) {
    return std::strncpy(name, "Stand-in", static_cast<std::size_t>(length)), 0;
  };
  d.device_attribute = [](int* value, int attribute, int) {
    const std::map<int, int> values = {{kMultiprocessors, 4}, {kL2Bytes, 4096}, {kMajor, 9}, {kMinor, 0}};
    return *value = values.at(attribute), 0;
  };
  d.context_retain = [](Handle*, int) { return 0; };
  d.context_set = [](Handle) { return 0; };
  d.memory_info = [](std::size_t* free, std::size_t* total) { return *free = *total = state.free_bytes, 0; };
  d.allocate = [](Address* address, std::size_t bytes) {
    state.memory.assign(bytes, 0);
    return *address = reinterpret_cast<Address>(state.memory.data()), 0;
  };
  d.release = [](Address) { return 0; };
  d.stream_create = [](Handle*, unsigned) { return 0; };
  d.stream_wait = [](Handle) { return 0; };
  d.event_create = [](Handle* event, unsigned) { return *event = &event_times[events++ % 16], 0; };
  d.event_record = [](Handle event, Handle) { return *static_cast<double*>(event) = state.elapsed_ns, 0; };
  d.event_wait = [](Handle) { return 0; };
  d.event_elapsed = [](float* ms, Handle start, Handle end) {
    return *ms = static_cast<float>((*static_cast<double*>(end) - *static_cast<double*>(start)) / 1e6), 0;
  };
  d.capture_begin = [](Handle, int) { return capturing = true, 0; };
  d.capture_end = [](Handle, Handle* graph) {
    capturing = false;
    graphs.push_back(std::make_unique<Work>(std::move(captured)));
    captured.clear();
    return *graph = graphs.back().get(), 0;
  };
  d.graph_instantiate = [](Handle* executable, Handle graph, unsigned long long) { return *executable = graph, 0; };
  d.graph_launch = [](Handle executable, Handle) {
    ++state.graphs;
    for (const auto& work : *static_cast<Work*>(executable)) work();
    return 0;
  };
  d.graph_destroy = [](Handle) { return 0; };
  d.executable_destroy = [](Handle) { return 0; };
  d.module_load = [](Handle*, const void*) { return 0; };
  d.module_function = [](Handle* function, Handle, const char* name) {
    const auto found = kernels().find(name);
    if (found == kernels().end()) return 500;
    return *function = const_cast<Kernel*>(&found->second), 0;
  };
  d.launch = [](Handle function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned,
                Handle, void** parameters, void**) {
    if (gx == 0 || gy != 1 || gz != 1 || bx % 32 != 0 || bx > 1024 || by != 1 || bz != 1) fault();
    enqueue([work = (*static_cast<Kernel*>(function))(gx, parameters)] {
      ++state.launches;
      work();
    });
    return 0;
  };
  d.error_name = [](int, const char** name) { return *name = "FAKE_ERROR", 0; };
  return d;
}

BlasLt fake_blas() {
  BlasLt b{};
  b.create = [](Handle*) { return 0; };
  b.version = []() -> std::size_t { return 130000; };
  b.operation_create = [](Handle* out, int compute, int scale) {
    return *out = new Operation, compute == kCompute32F&& scale == kFp32 ? 0 : 7;
  };
  b.operation_set = [](Handle operation, int attribute, const void* value, std::size_t bytes) {
    if (bytes != 4) return 7;
    auto* op = static_cast<Operation*>(operation);
    std::memcpy(attribute == kTransposeA ? &op->a : &op->b, value, 4);
    return attribute == kTransposeA || attribute == kTransposeB ? 0 : 7;
  };
  b.operation_destroy = [](Handle operation) { return delete static_cast<Operation*>(operation), 0; };
  b.layout_create = [](Handle* out, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t leading) {
    *out = new Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), leading, 0, 1};
    return leading >= static_cast<std::int64_t>(rows) ? 0 : 7;
  };
  b.layout_set = [](Handle layout, int attribute, const void* value, std::size_t bytes) {
    auto* l = static_cast<Layout*>(layout);
    if (attribute == kBatchCount && bytes == 4) return std::memcpy(&l->batch, value, 4), 0;
    if (attribute == kBatchStride && bytes == 8) return std::memcpy(&l->stride, value, 8), 0;
    return 7;
  };
  b.layout_destroy = [](Handle layout) { return delete static_cast<Layout*>(layout), 0; };
  b.preference_create = [](Handle*) { return 0; };
  b.preference_set = [](Handle, int, const void*, std::size_t) { return 0; };
  b.preference_destroy = [](Handle) { return 0; };
  b.heuristic = [](Handle, Handle, Handle, Handle, Handle, Handle, Handle, int, Heuristic*, int* found) {
    return *found = 1, 0;
  };
  b.multiply = multiply;
  return b;
}

Nvrtc fake_nvrtc() {
  Nvrtc n{};
  n.version = [](int* major, int* minor) { return *major = 13, *minor = 0; };
  n.architectures_count = [](int* count) { return *count = 1, 0; };
  n.architectures = [](int* list) { return *list = 90, 0; };
  n.create = [](Handle*, const char*, const char*, int, const char* const*, const char* const*) { return 0; };
  n.compile = [](Handle, int, const char* const*) { return 0; };
  n.log_size = [](Handle, std::size_t* bytes) { return *bytes = 0, 0; };
  n.log = [](Handle, char*) { return 0; };
  n.ptx_size = [](Handle, std::size_t* bytes) { return *bytes = 4, 0; };
  n.ptx = [](Handle, char* text) { return std::strcpy(text, "ptx"), 0; };
  n.destroy = [](Handle*) { return 0; };
  return n;
}

}  // namespace bigmac::test
