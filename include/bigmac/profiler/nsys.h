// Nsight Systems, exported by `nsys export --type sqlite`.
#pragma once

#include <string>
#include <string_view>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// All processes of the export. Tables and columns come and go with versions: each is looked for, and what is missing
/// is noted. Throws Error{bad_input} with the file, the table and the row.
Trace read_nsys(const std::string& path);
Trace read_nsys_image(std::string_view image, const std::string& name);

}  // namespace bigmac
