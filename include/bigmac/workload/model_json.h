// A model out of a JSON value: for other *_json.cpp files only (a job file may hold its model inline).
#pragma once

#include <string>
#include <vector>

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/model.h"

namespace bigmac {

/// As parse_model, from a value of a larger document; its file anchors relative paths.
Model read_model(const JsonReader& root, std::vector<std::string>& notes);

}  // namespace bigmac
