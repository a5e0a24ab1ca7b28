// A program to be recorded: uses NVTX (its real headers where they are installed, else mini_nvtx.h) and, if asked, a
// libcuda, in the ways that a recorder must survive. Usage: nvtx-host SCENARIO [ARGUMENT]
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#ifdef BIGMAC_REAL_NVTX
#include <nvtx3/nvToolsExt.h>
#else
#include "mini_nvtx.h"
#endif

namespace {

void rest(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

nvtxEventAttributes_t attributes(const char* name) {
  nvtxEventAttributes_t out{};
  out.version = NVTX_VERSION;
  out.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
  out.messageType = NVTX_MESSAGE_TYPE_ASCII;
  out.message.ascii = name;
  return out;
}

void ranges(int count) {
  for (int i = 0; i < count; ++i) {
    nvtxRangePushA("outer");
    nvtxRangePushA("inner");
    nvtxRangePop();
    nvtxRangePop();
  }
}

// Four threads: nested ranges, a domain across them, a range that begins on one thread and ends on another.
int threads(const std::string&) {
  nvtxDomainHandle_t domain = nvtxDomainCreateA("layers");
  nvtxRangeId_t crossing = nvtxRangeStartA("crossing");
  std::vector<std::thread> workers;
  for (int w = 0; w < 4; ++w)
    workers.emplace_back([domain, w] {
      nvtxNameOsThreadA(static_cast<uint32_t>(syscall(SYS_gettid)), ("worker " + std::to_string(w)).c_str());
      for (int i = 0; i < 100; ++i) {
        nvtxRangePushA("forward");
        nvtxEventAttributes_t layer = attributes("attention");
        layer.payloadType = NVTX_PAYLOAD_TYPE_INT64;
        layer.payload.llValue = i;
        nvtxDomainRangePushEx(domain, &layer);
        nvtxRangePop();  // of the default domain: the domain's range stays open
        nvtxDomainRangePop(domain);
      }
    });
  for (std::thread& worker : workers) worker.join();
  std::thread([crossing] { nvtxRangeEnd(crossing); }).join();
  nvtxMarkA("all joined");
  std::puts("threads done");
  return 7;
}

int nothing(const std::string&) {
  std::puts("nothing done");
  return 5;
}

int os_exit(const std::string&) {
  ranges(50);
  rest(600);  // longer than the period of the writer
  std::puts("leaving");
  std::fflush(stdout);
  _exit(3);
}

int killed(const std::string&) {
  ranges(10);
  rest(600);
  std::raise(SIGKILL);
  return 0;
}

int forks(const std::string&) {
  ranges(10);
  if (const pid_t child = fork(); child == 0) {
    ranges(1000);
    std::thread([] { ranges(10); }).join();
    std::exit(4);
  } else {
    int status = 0;
    waitpid(child, &status, 0);
    ranges(10);
    std::printf("child %d\n", WEXITSTATUS(status));
  }
  return 0;
}

int execs(const std::string& self) {
  ranges(3);
  rest(300);
  execl(self.c_str(), self.c_str(), "threads", nullptr);
  return 99;
}

int open_at_exit(const std::string&) {
  nvtxRangePushA("never ended");
  nvtxRangePushA("nor this");
  std::exit(6);
}

int steps(const std::string&) {
  for (int i = 0; i < 20; ++i) {
    nvtxRangePushA(("step " + std::to_string(i)).c_str());
    nvtxRangePushA("work");
    nvtxRangePop();
    nvtxRangePop();
  }
  nvtxRangePushA("stepper");
  nvtxRangePop();
  return 0;
}

// Null and broken texts, pops without a push, deep nesting, handles of nothing.
int odd(const std::string&) {
  nvtxRangePushA(nullptr);
  nvtxRangePop();
  nvtxRangePushEx(nullptr);
  nvtxRangePop();
  nvtxRangePop();
  nvtxRangePop();
  nvtxRangePushA("broken \xff\xfe \xed\xa0\x80 \"quoted\" \\ \n\t\x01 end");
  nvtxRangePop();
  nvtxRangePushW(L"wide \u00e9 \U0001F680");
  nvtxRangePop();
  nvtxRangeEnd(123456);
  nvtxEventAttributes_t registered = attributes(nullptr);
  nvtxDomainHandle_t domain = nvtxDomainCreateA("odd \"domain\"");
  registered.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
  registered.message.registered =
      static_cast<decltype(registered.message.registered)>(nvtxDomainRegisterStringA(domain, "registered"));
  registered.payloadType = NVTX_PAYLOAD_TYPE_DOUBLE;
  registered.payload.dValue = 0.25;
  nvtxDomainRangePushEx(domain, &registered);
  nvtxDomainRangePop(domain);
  nvtxDomainDestroy(domain);
  nvtxMarkEx(nullptr);
  const std::string longest(100000, 'x');
  nvtxRangePushA(longest.c_str());
  nvtxRangePop();
  for (int i = 0; i < 10000; ++i) nvtxRangePushA("deep");
  for (int i = 0; i < 10000; ++i) nvtxRangePop();
  return 0;
}

// Many names, so that the writer's table is cleared; many events, so that its buffers turn over.
int many(const std::string& count) {
  const int n = std::atoi(count.c_str());
  for (int i = 0; i < n; ++i) {
    nvtxRangePushA(("name " + std::to_string(i)).c_str());
    nvtxRangePop();
    if (i % 2048 == 0) rest(3);
  }
  return 0;
}

int short_threads(const std::string& count) {
  const int n = std::atoi(count.c_str());
  for (int i = 0; i < n; ++i)
    std::thread([] {
      nvtxRangePushA("brief");
      nvtxRangePop();
    }).join();
  return 0;
}

// Nanoseconds of a push and its pop, in batches that the writer can follow; printed as "median worst-batch".
int bench(const std::string&) {
  ranges(1000);
  std::vector<double> batches;
  constexpr int kBatch = 4000;
  for (int b = 0; b < 200; ++b) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kBatch; ++i) {
      nvtxRangePushA("transformer.layers.12.attention");
      nvtxRangePop();
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    batches.push_back(took.count() / kBatch);
    rest(2);
  }
  std::sort(batches.begin(), batches.end());
  std::printf("%.1f %.1f\n", batches[batches.size() / 2], batches.back());
  return 0;
}

// --- with a libcuda: the real driver would do as well, but for the kernel's name
// -----------------------------------------------

struct Cuda {
  void* handle = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  template <class... Args>
  int operator()(const char* name, Args... args) const {
    const auto function = handle ? reinterpret_cast<int (*)(Args...)>(dlsym(handle, name)) : nullptr;
    return function == nullptr ? -1 : function(args...);
  }
};

int gpu(const std::string& launches) {
  const Cuda cuda;
  if (cuda("cuInit", 0U) != 0) {
    std::puts("no cuda");
    return 8;
  }
  const int n = std::atoi(launches.c_str());
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w)
    workers.emplace_back([&cuda, n] {
      for (int i = 0; i < n; ++i) {
        nvtxRangePushA(("step " + std::to_string(i)).c_str());
        cuda("fakeLaunch", "gemm_kernel", i);
        nvtxRangePop();
      }
    });
  for (std::thread& worker : workers) worker.join();
  cuda("fakeGraph");
  cuda("fakeMemory");
  std::puts("gpu done");
  return 0;
}

int gpu_lost(const std::string& launches) {
  gpu(launches);
  rest(1500);  // longer than the period of the GPU's flush
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<int(const std::string&)>> scenarios = {{"threads", threads},
                                                                                   {"nothing", nothing},
                                                                                   {"os_exit", os_exit},
                                                                                   {"killed", killed},
                                                                                   {"forks", forks},
                                                                                   {"execs", execs},
                                                                                   {"open", open_at_exit},
                                                                                   {"steps", steps},
                                                                                   {"odd", odd},
                                                                                   {"many", many},
                                                                                   {"short_threads", short_threads},
                                                                                   {"bench", bench},
                                                                                   {"gpu", gpu},
                                                                                   {"gpu_lost", gpu_lost}};
  const auto found = argc > 1 ? scenarios.find(argv[1]) : scenarios.end();
  if (found == scenarios.end()) return 98;
  return found->second(argc > 2 ? argv[2] : std::string(found->first) == "execs" ? argv[0] : "");
}
