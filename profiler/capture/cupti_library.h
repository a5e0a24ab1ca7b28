// libcupti, found at run time: the functions that the recorder calls, each by dlsym, each possibly absent.
#pragma once

#include <string>

#include "cupti_abi.h"
#include "decode.h"

namespace bigmac::capture {

struct CuptiLibrary {
  std::string path;  ///< as it was opened; empty: none was found
  cupti::Result (*get_version)(std::uint32_t*) = nullptr;
  cupti::Result (*subscribe)(void** subscriber, cupti::CallbackFunction, void* user) = nullptr;
  cupti::Result (*subscribe_v2)(void** subscriber, cupti::CallbackFunction, void* user,
                                cupti::SubscriberParams*) = nullptr;
  cupti::Result (*unsubscribe)(void* subscriber) = nullptr;
  cupti::Result (*enable_callback)(std::uint32_t enable, void* subscriber, cupti::Domain, std::uint32_t id) = nullptr;
  cupti::Result (*callback_name)(cupti::Domain, std::uint32_t id, const char** name) = nullptr;
  cupti::Result (*register_callbacks)(cupti::BufferRequested, cupti::BufferCompleted) = nullptr;
  cupti::Result (*register_timestamp)(std::uint64_t (*)()) = nullptr;
  cupti::Result (*get_timestamp)(std::uint64_t*) = nullptr;
  cupti::Result (*set_thread_id_type)(std::uint32_t) = nullptr;
  cupti::Result (*enable)(cupti::Kind) = nullptr;
  cupti::Result (*disable)(cupti::Kind) = nullptr;
  cupti::Result (*enable_runtime_api)(std::uint32_t id, std::uint8_t enable) = nullptr;
  cupti::Result (*enable_driver_api)(std::uint32_t id, std::uint8_t enable) = nullptr;
  cupti::Result (*flush_all)(std::uint32_t flag) = nullptr;
  cupti::Result (*dropped_records)(void* context, std::uint32_t stream, std::size_t* count) = nullptr;
  cupti::Result (*graph_node_id)(void* node, std::uint64_t* id) = nullptr;
  cupti::Result (*result_string)(cupti::Result, const char** text) = nullptr;
  NextRecord next_record = nullptr;

  /// All that recording cannot do without.
  bool usable() const { return subscribe && register_callbacks && enable && flush_all && next_record && callback_name; }
  std::string explain(cupti::Result result) const;
};

/// `preferred` where it is given; else a copy that the process has loaded already (PyTorch brings one: two copies would
/// fight), then the system's, then the toolkit's.
CuptiLibrary load_cupti(const std::string& preferred);

/// A function of the driver's API in the libcuda that the process has loaded, or null.
void* driver_function(const char* name);

}  // namespace bigmac::capture
