// NVTX's functions as this recorder implements them.
#pragma once

#include "nvtx_abi.h"

namespace bigmac::capture {

/// Fills the function slots of one copy of NVTX (every shared object that embeds it has its own). False where it has no
/// such tables.
bool attach_to_nvtx(nvtx::GetExportTable get_export_table);

}  // namespace bigmac::capture
