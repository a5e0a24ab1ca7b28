// The data of a job out of a JSON value: for other *_json.cpp files only.
#pragma once

#include <string>
#include <vector>

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/data.h"

namespace bigmac {

/// The "data" member of a job file; the form is documented in sim/workload/data_json.cpp.
DataSpec read_data(const JsonReader& data, std::vector<std::string>& notes);

}  // namespace bigmac
