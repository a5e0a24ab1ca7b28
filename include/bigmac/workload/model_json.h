// A model out of a JSON value: for other *_json.cpp files only (a job file may hold its model inline).
#pragma once

#include <string>
#include <vector>

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/model.h"

namespace bigmac {

/// As parse_model, from a value of a larger document; its file anchors relative paths.
Model read_model(const JsonReader& root, std::vector<std::string>& notes);

/// The model document with every file it refers to put in place of its path, so that it stands alone: read_model of
/// the result gives the same model. `root` is the document itself; its file anchors paths and, where the document has
/// no "name", gives one.
Json inline_model_references(const JsonReader& root);

}  // namespace bigmac
