// Jobs of the full form from a line or two, with the models and clusters of configs/.
#pragma once

#include <string>

#include "bigmac/workload/job.h"

namespace bigmac::test {

/// A job of `gpus` GPUs; `members`: further members of the job as JSON text, after a comma, "data" and "batch" among
/// them.
inline Job full_job(const std::string& model, const std::string& cluster, int gpus, const std::string& members) {
  const std::string text = R"({"schema": "bigmac.job/1", "model": "../models/)" + model +
                           R"(.json", "cluster": "../clusters/)" + cluster + R"(.json", "gpus": )" +
                           std::to_string(gpus) + members + "}";
  return parse_job(text, BIGMAC_SOURCE_DIR "/configs/jobs/" + model + ".json");
}

}  // namespace bigmac::test
