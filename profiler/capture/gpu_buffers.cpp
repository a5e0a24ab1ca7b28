#include "gpu_buffers.h"

#include <cstdlib>

namespace bigmac::capture {

GpuBuffers::~GpuBuffers() {
  for (std::uint8_t* data : spare_) std::free(data);
  for (const Full& full : full_) std::free(full.data);
}

std::uint8_t* GpuBuffers::take_empty() {
  const std::lock_guard lock(mutex_);
  ++requested_;
  if (spare_.empty()) return static_cast<std::uint8_t*>(std::aligned_alloc(64, kBytes));
  std::uint8_t* data = spare_.back();
  spare_.pop_back();
  return data;
}

void GpuBuffers::give_full(std::uint8_t* data, std::size_t valid) {
  {
    const std::lock_guard lock(mutex_);
    if (valid > 0 && full_.size() < kMostWaiting) {
      full_.push_back({data, valid});
      return;
    }
    dropped_ += valid > 0;
  }
  give_empty(data);
}

std::vector<GpuBuffers::Full> GpuBuffers::take_full() {
  const std::lock_guard lock(mutex_);
  std::vector<Full> out;
  out.swap(full_);
  return out;
}

void GpuBuffers::give_empty(std::uint8_t* data) {
  const std::lock_guard lock(mutex_);
  if (spare_.size() < kMostSpare) spare_.push_back(data);
  else std::free(data);
}

}  // namespace bigmac::capture
