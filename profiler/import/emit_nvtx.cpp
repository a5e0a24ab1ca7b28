#include "emit_nvtx.h"

#include <algorithm>
#include <charconv>

namespace bigmac {
namespace {

/// The number behind ", seq = ", or nothing.
std::optional<std::int64_t> sequence_in(std::string_view name) {
  constexpr std::string_view kMark = ", seq = ";
  const std::size_t at = name.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t value = 0;
  const char* end = name.data() + name.size();
  if (std::from_chars(name.data() + at + kMark.size(), end, value).ec != std::errc()) return std::nullopt;
  return value < 0 ? std::nullopt : std::optional(value);
}

}  // namespace

void read_emit_nvtx(Trace& trace) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (trace.events.kind[i] != EventKind::range) continue;
    const std::string_view name = trace.names[trace.events.name[i]];
    const bool is_operator = name.find(", op_id = ") != std::string_view::npos;
    const auto sequence = sequence_in(name);
    if (!is_operator && !sequence) continue;
    trace.events.kind[i] = EventKind::operation;
    // emit_nvtx does not say which thread ran the forward; 1 stands for the one that fits best.
    const bool backward = name.find("Backward") != std::string_view::npos;
    if (sequence) trace.operators.push_back({EventId{i}, *sequence, backward ? 1 : 0});
  }
  std::sort(trace.operators.begin(), trace.operators.end(),
            [](const OperatorDetail& a, const OperatorDetail& b) { return a.event < b.event; });
}

}  // namespace bigmac
