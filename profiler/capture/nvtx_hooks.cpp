#include "nvtx_hooks.h"

#include <cerrno>
#include <deque>

#include "clock.h"
#include "open_ranges.h"
#include "recorder.h"
#include "wide_text.h"

namespace bigmac::capture {
namespace {

using namespace nvtx;

/// What NVTX hands back to us as a domain or string handle. Never freed, since the host may keep handles for good, but
/// kept in sight: a host that looks for leaks must find none of ours.
template <class Handle>
Handle* kept(Handle handle) {
  static auto* mutex = new std::mutex;
  static auto* all = new std::deque<Handle>;
  const std::lock_guard lock(*mutex);
  return &all->emplace_back(std::move(handle));
}
struct Domain {
  std::uint32_t number = 0;
};
struct Registered {
  std::string text;
};
/// Never destroyed: threads may still run when the process's statics are torn down.
OpenRanges& open_ranges() {
  static auto* ranges = new OpenRanges;
  return *ranges;
}

/// A name as the host gave it: one of NVTX's three types of message.
class Text {
 public:
  Text(const char* ascii) : type_(kAscii), pointer_(ascii) {}
  Text(const wchar_t* unicode) : type_(kUnicode), pointer_(unicode) {}
  Text(const Attributes* attributes) {
    if (attributes == nullptr || attributes->size < sizeof(Attributes)) return;
    type_ = attributes->message_type;
    pointer_ = attributes->message.registered;
  }

  /// As UTF-8; `storage` holds it where it had to be converted.
  std::string_view view(std::string& storage) const {
    if (pointer_ == nullptr) return "";
    if (type_ == kAscii) return static_cast<const char*>(pointer_);
    if (type_ == kUnicode) return storage = utf8_from(static_cast<const wchar_t*>(pointer_));
    if (type_ == kRegistered) return static_cast<const Registered*>(pointer_)->text;
    return "";
  }

 private:
  std::int32_t type_ = kNoMessage;
  const void* pointer_ = nullptr;
};

Payload payload_of(const Attributes* attributes) {
  Payload out;
  if (attributes == nullptr || attributes->size < sizeof(Attributes)) return out;
  const auto& value = attributes->payload;
  const auto natural = [&](std::uint64_t number) { out.type = Payload::Type::natural, out.natural = number; };
  const auto integer = [&](std::int64_t number) { out.type = Payload::Type::integer, out.integer = number; };
  const auto real = [&](double number) { out.type = Payload::Type::real, out.real = number; };
  switch (attributes->payload_type) {
    case kUnsigned64: natural(value.unsigned64); break;
    case kUnsigned32: natural(value.unsigned32); break;
    case kSigned64: integer(value.signed64); break;
    case kSigned32: integer(value.signed32); break;
    case kDouble: real(value.real64); break;
    case kFloat: real(static_cast<double>(value.real32)); break;
    default: break;
  }
  return out;
}

std::uint32_t number_of(const void* domain) {
  return domain == nullptr ? 0 : static_cast<const Domain*>(domain)->number;
}

/// Runs `body(recorder, log)` unless nothing is recorded. No exception and no errno reaches the host; one call in
/// ThreadLog::kSampled is timed.
template <class Result, class Body>
Result guarded(Result otherwise, Body&& body) noexcept {
  Recorder* recorder = Recorder::armed();
  if (recorder == nullptr) return otherwise;
  const int before = errno;
  Result result = otherwise;
  try {
    if (ThreadLog* log = recorder->log()) {
      const bool timed = log->count_call();
      const Time start = timed ? monotonic_ns() : 0;
      result = body(*recorder, *log);
      if (timed) log->sample(monotonic_ns() - start);
      recorder->eased(*log);
    }
  } catch (...) {  // out of memory: the event is lost
  }
  errno = before;
  return result;
}

int push(std::uint32_t domain, Text text, Payload payload) {
  return guarded(kNoTracking, [&](Recorder& recorder, ThreadLog& log) {
    std::string storage;
    const std::string_view name = text.view(storage);
    const Time start = recorder.now();
    if (recorder.window().counts(name)) recorder.begin_step(log, start);
    return static_cast<int>(log.push(start, name, domain, payload));
  });
}

int pop(std::uint32_t domain) {
  return guarded(kNoTracking, [&](Recorder& recorder, ThreadLog& log) {
    const int depth = log.pop(recorder.now(), domain, recorder.window().inside());
    return depth < 0 ? kNoTracking : depth;
  });
}

std::uint64_t start(std::uint32_t domain, Text text, Payload payload) {
  return guarded(std::uint64_t{0}, [&](Recorder& recorder, ThreadLog& log) {
    std::string storage;
    const std::string_view name = text.view(storage);
    const Time now = recorder.now();
    if (recorder.window().counts(name)) recorder.begin_step(log, now);
    return open_ranges().begin({now, log.thread(), domain, payload, std::string(name.substr(0, ThreadLog::kMaxName))});
  });
}

int end(std::uint64_t id) {
  return guarded(0, [&](Recorder& recorder, ThreadLog& log) {
    const Time now = recorder.now();
    const auto range = open_ranges().end(id);
    if (range && recorder.window().inside()) {
      LogEntry entry{range->start,  now,           range->payload, 0, 0,
                     range->thread, range->domain, log.thread(),   0, LogKind::process_range};
      log.add(entry, range->name);
    }
    return 0;
  });
}

int mark(std::uint32_t domain, Text text, Payload payload) {
  return guarded(0, [&](Recorder& recorder, ThreadLog& log) {
    std::string storage;
    const Time now = recorder.now();
    if (recorder.window().inside())
      log.add({now, now, payload, 0, 0, 0, domain, 0, 0, LogKind::mark}, text.view(storage));
    return 0;
  });
}

int name_thread(std::uint32_t thread, Text text) {
  return guarded(0, [&](Recorder& recorder, ThreadLog& log) {
    std::string storage;
    log.add({recorder.now(), 0, {}, 0, 0, 0, 0, thread, 0, LogKind::thread_name}, text.view(storage));
    return 0;
  });
}

void* make_domain(Text text) {
  return guarded(static_cast<void*>(nullptr), [&](Recorder& recorder, ThreadLog&) -> void* {
    std::string storage;
    return kept(Domain{recorder.add_domain(std::string(text.view(storage)))});
  });
}

void* register_string(Text text) {
  return guarded(static_cast<void*>(nullptr), [&](Recorder&, ThreadLog&) -> void* {
    std::string storage;
    return kept(Registered{std::string(text.view(storage))});
  });
}

// The C functions that NVTX's slots point to.
void hook_mark_ex(const Attributes* a) { mark(0, a, payload_of(a)); }
void hook_mark_a(const char* text) { mark(0, text, {}); }
void hook_mark_w(const wchar_t* text) { mark(0, text, {}); }
std::uint64_t hook_start_ex(const Attributes* a) { return start(0, a, payload_of(a)); }
std::uint64_t hook_start_a(const char* text) { return start(0, text, {}); }
std::uint64_t hook_start_w(const wchar_t* text) { return start(0, text, {}); }
void hook_end(std::uint64_t id) { end(id); }
int hook_push_ex(const Attributes* a) { return push(0, a, payload_of(a)); }
int hook_push_a(const char* text) { return push(0, text, {}); }
int hook_push_w(const wchar_t* text) { return push(0, text, {}); }
int hook_pop() { return pop(0); }
void hook_name_thread_a(std::uint32_t thread, const char* name) { name_thread(thread, name); }
void hook_name_thread_w(std::uint32_t thread, const wchar_t* name) { name_thread(thread, name); }

void hook_domain_mark(void* d, const Attributes* a) { mark(number_of(d), a, payload_of(a)); }
std::uint64_t hook_domain_start(void* d, const Attributes* a) { return start(number_of(d), a, payload_of(a)); }
void hook_domain_end(void*, std::uint64_t id) { end(id); }
int hook_domain_push(void* d, const Attributes* a) { return push(number_of(d), a, payload_of(a)); }
int hook_domain_pop(void* d) { return pop(number_of(d)); }
void* hook_register_a(void*, const char* text) { return register_string(text); }
void* hook_register_w(void*, const wchar_t* text) { return register_string(text); }
void* hook_domain_create_a(const char* name) { return make_domain(name); }
void* hook_domain_create_w(const wchar_t* name) { return make_domain(name); }
void hook_domain_destroy(void*) {}  // its ranges are still to be written; the host may still use the handle

class Slots {
 public:
  Slots(const Callbacks* callbacks, Module module) {
    if (callbacks->get_module_table(module, &table_, &size_) == 0) table_ = nullptr;
  }
  explicit operator bool() const { return table_ != nullptr; }

  template <class Hook>
  void fill(unsigned id, Hook hook) {
    if (id < size_ && table_[id] != nullptr) *table_[id] = reinterpret_cast<Function>(hook);
  }

 private:
  Table table_ = nullptr;
  unsigned size_ = 0;
};

void fill_core(Slots slots) {
  slots.fill(kMarkEx, hook_mark_ex);
  slots.fill(kMarkA, hook_mark_a);
  slots.fill(kMarkW, hook_mark_w);
  slots.fill(kRangeStartEx, hook_start_ex);
  slots.fill(kRangeStartA, hook_start_a);
  slots.fill(kRangeStartW, hook_start_w);
  slots.fill(kRangeEnd, hook_end);
  slots.fill(kRangePushEx, hook_push_ex);
  slots.fill(kRangePushA, hook_push_a);
  slots.fill(kRangePushW, hook_push_w);
  slots.fill(kRangePop, hook_pop);
  slots.fill(kNameOsThreadA, hook_name_thread_a);
  slots.fill(kNameOsThreadW, hook_name_thread_w);
}

void fill_core2(Slots slots) {
  slots.fill(kDomainMarkEx, hook_domain_mark);
  slots.fill(kDomainRangeStartEx, hook_domain_start);
  slots.fill(kDomainRangeEnd, hook_domain_end);
  slots.fill(kDomainRangePushEx, hook_domain_push);
  slots.fill(kDomainRangePop, hook_domain_pop);
  slots.fill(kDomainRegisterStringA, hook_register_a);
  slots.fill(kDomainRegisterStringW, hook_register_w);
  slots.fill(kDomainCreateA, hook_domain_create_a);
  slots.fill(kDomainCreateW, hook_domain_create_w);
  slots.fill(kDomainDestroy, hook_domain_destroy);
}

}  // namespace

bool attach_to_nvtx(GetExportTable get_export_table) {
  const auto* callbacks = static_cast<const Callbacks*>(get_export_table(kCallbacksTable));
  if (callbacks == nullptr || callbacks->struct_size < sizeof(Callbacks) || callbacks->get_module_table == nullptr)
    return false;
  const Slots core(callbacks, Module::core), core2(callbacks, Module::core2);
  fill_core(core);
  fill_core2(core2);
  return static_cast<bool>(core) || static_cast<bool>(core2);
}

}  // namespace bigmac::capture
