#include <filesystem>

#include "bigmac/base/error.h"
#include "bigmac/profiler/launch.h"
#include "profiler/capture/settings.h"

namespace bigmac {

std::map<std::string, std::string> launch_environment(const LaunchOptions& options) {
  namespace fs = std::filesystem;
  if (!options.steps.empty() && !capture::parse_steps(options.steps))
    bad_input("--steps", "expected FIRST:LAST, steps counted from 0 and both included, found '" + options.steps + "'");
  std::error_code failure;
  fs::create_directories(options.folder, failure);
  if (!fs::is_directory(options.folder))
    bad_input(options.folder, "cannot be made a folder for the recordings: " + failure.message());
  const std::string library = fs::absolute(options.inject_library).string();
  if (!fs::exists(library)) bad_input(library, "the recorder's library is not there (--library names another place)");
  std::map<std::string, std::string> out = {{"CUDA_INJECTION64_PATH", library},
                                            {"NVTX_INJECTION64_PATH", library},
                                            {capture::kFolderVariable, fs::absolute(options.folder).string()},
                                            {capture::kModeVariable, options.memory ? "memory" : "time"},
                                            {capture::kStepsVariable, options.steps},
                                            {capture::kStepRangeVariable, options.step_range},
                                            {capture::kCuptiVariable, options.cupti_library}};
  if (options.memory) out["PYTORCH_NO_CUDA_MEMORY_CACHING"] = "1";
  return out;
}

}  // namespace bigmac
