// The abstract form of a job out of JSON. Private to the workload room.
#pragma once

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/job.h"

namespace bigmac {

/// Reads "pipeline" and "costs_ns" of `root`.
AbstractJob read_abstract_job(const JsonReader& root, std::vector<std::string>& notes);

}  // namespace bigmac
