// Which API functions are recorded, by name: CUPTI's numbers differ between versions, names do not.
#include <algorithm>
#include <array>

#include "gpu_capture.h"

namespace bigmac::capture {
namespace {

constexpr std::array<std::string_view, 15> kRecorded = {
    "Launch",           "Memcpy",      "Memset",           "Malloc",     "Free",
    "MemAlloc",         "MemFree",     "GraphLaunch",      "HostAlloc",  "MemHostAlloc",
    "GraphInstantiate", "EventRecord", "EventSynchronize", "StreamWait", "StreamSynchronize"};
constexpr std::array<std::string_view, 3> kRecordedWhole = {"cudaDeviceSynchronize", "cuCtxSynchronize", "cuMemCreate"};

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string plain_call_name(std::string name) {
  if (name.starts_with("cuda") || name.starts_with("__cuda"))
    if (const auto at = name.rfind("_v"); at != std::string::npos && all_digits(std::string_view(name).substr(at + 2)))
      name.resize(at);
  for (const std::string_view suffix : {"_ptsz", "_ptds"})
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  return name;
}

bool is_recorded_call(std::string_view name) {
  if (std::find(kRecordedWhole.begin(), kRecordedWhole.end(), name) != kRecordedWhole.end()) return true;
  while (name.starts_with('_')) name.remove_prefix(1);
  if (name.starts_with("cuda")) name.remove_prefix(4);
  else if (name.starts_with("cu")) name.remove_prefix(2);
  else return false;
  return std::any_of(kRecorded.begin(), kRecorded.end(), [&](std::string_view word) { return name.starts_with(word); });
}

}  // namespace bigmac::capture
