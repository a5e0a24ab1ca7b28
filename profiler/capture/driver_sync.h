// Waiting for every GPU that this process uses, through the driver it has loaded; nothing where there is none.
#pragma once

namespace bigmac::capture {

void wait_for_devices() noexcept;
/// cuDriverGetVersion: 13000 for CUDA 13.0; 0: unknown.
int driver_version() noexcept;

}  // namespace bigmac::capture
