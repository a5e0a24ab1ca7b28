#include "thread_log.h"

#include <algorithm>
#include <cstring>

namespace bigmac::capture {

void ThreadLog::put(LogEntry entry, std::string_view name) {
  name = name.substr(0, kMaxName);
  if (out_.size() + sizeof entry + name.size() > kMaxBytes) {
    ++lost_;
    return;
  }
  if (entry.thread == 0) entry.thread = thread_;
  entry.name_bytes = static_cast<std::uint32_t>(name.size());
  out_.append(reinterpret_cast<const char*>(&entry), sizeof entry);
  out_.append(name);
  waiting_.store(out_.size(), std::memory_order_relaxed);
}

std::uint32_t ThreadLog::push(Time start, std::string_view name, std::uint32_t domain, Payload payload) {
  const std::lock_guard lock(mutex_);
  std::uint32_t depth = static_cast<std::uint32_t>(std::count(beyond_.begin(), beyond_.end(), domain));
  const auto below =
      std::find_if(open_.rbegin(), open_.rend(), [&](const Open& open) { return open.domain == domain; });
  if (below != open_.rend()) depth += below->depth + 1;
  if (open_.size() == kMaxOpen) {
    beyond_.push_back(domain);
    ++lost_;
    return depth;
  }
  open_.push_back({start, payload, domain, depth, open_names_.size()});
  open_names_.append(name.substr(0, kMaxName));
  return depth;
}

int ThreadLog::pop(Time end, std::uint32_t domain, bool keep) {
  const std::lock_guard lock(mutex_);
  if (const auto deep = std::find(beyond_.rbegin(), beyond_.rend(), domain); deep != beyond_.rend()) {
    beyond_.erase(std::next(deep).base());
    return static_cast<int>(kMaxOpen);
  }
  const auto found =
      std::find_if(open_.rbegin(), open_.rend(), [&](const Open& open) { return open.domain == domain; });
  if (found == open_.rend()) return -1;
  const Open range = *found;
  const std::size_t name_end = found == open_.rbegin() ? open_names_.size() : std::prev(found)->name_at;
  if (keep) {
    const std::string_view name = std::string_view(open_names_).substr(range.name_at, name_end - range.name_at);
    put({range.start, end, range.payload, 0, 0, 0, range.domain, range.depth, 0, LogKind::range}, name);
  }
  // Ranges of other domains may lie above: their names move down.
  open_names_.erase(range.name_at, name_end - range.name_at);
  for (auto above = open_.rbegin(); above != found; ++above) above->name_at -= name_end - range.name_at;
  open_.erase(std::next(found).base());
  return static_cast<int>(range.depth);
}

void ThreadLog::add(const LogEntry& entry, std::string_view name) {
  const std::lock_guard lock(mutex_);
  put(entry, name);
}

void ThreadLog::leave(Time now) {
  const std::lock_guard lock(mutex_);
  visit_open([&](Time start, std::string_view name, std::uint32_t domain) {
    put({start, now, {}, 0, 0, 0, domain, 0, 0, LogKind::open}, name);
  });
  open_.clear();
  left_ = true;
}

bool ThreadLog::take(std::string& empty, std::uint64_t& lost) {
  const std::lock_guard lock(mutex_);
  out_.swap(empty);
  waiting_.store(0, std::memory_order_relaxed);
  lost += lost_;
  lost_ = 0;
  return left_;
}

void ThreadLog::each_open(const VisitOpen& visit) {
  const std::lock_guard lock(mutex_);
  visit_open(visit);
}

void ThreadLog::visit_open(const VisitOpen& visit) const {
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const std::size_t end = i + 1 < open_.size() ? open_[i + 1].name_at : open_names_.size();
    visit(open_[i].start, std::string_view(open_names_).substr(open_[i].name_at, end - open_[i].name_at),
          open_[i].domain);
  }
}

namespace {

Event event_from(const LogEntry& e, std::string_view name, std::string_view domain) {
  switch (e.kind) {
    case LogKind::range: return RangeEvent{e.start, e.end, e.thread, name, domain, e.other, e.payload};
    case LogKind::process_range: return ProcessRangeEvent{e.start, e.end, e.thread, name, domain, e.other, e.payload};
    case LogKind::mark: return MarkEvent{e.start, e.thread, name, domain, e.payload};
    case LogKind::thread_name: return ThreadEvent{e.other, name};
    case LogKind::node: return NodeEvent{e.number, e.start, e.thread, e.original};
    case LogKind::open: return OpenEvent{e.start, e.end, e.thread, name, domain};
    case LogKind::step: break;
  }
  return StepEvent{static_cast<std::int64_t>(e.number), e.start};
}

}  // namespace

void each_event(const std::string& taken, const std::function<std::string_view(std::uint32_t)>& domain_name,
                const std::function<void(const Event&)>& sink) {
  for (std::size_t at = 0; at < taken.size();) {
    LogEntry entry;
    std::memcpy(&entry, taken.data() + at, sizeof entry);
    at += sizeof entry;
    sink(event_from(entry, std::string_view(taken).substr(at, entry.name_bytes), domain_name(entry.domain)));
    at += entry.name_bytes;
  }
}

}  // namespace bigmac::capture
