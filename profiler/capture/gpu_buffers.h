// CUPTI's buffers: handed out empty, taken back full, waiting for the writer. Bounded by dropping, never by refusing:
// CUPTI loses records in worse ways when it is given none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace bigmac::capture {

class GpuBuffers {
 public:
  static constexpr std::size_t kBytes = std::size_t{4} << 20, kMostWaiting = 64, kMostSpare = 8;

  struct Full {
    std::uint8_t* data;
    std::size_t valid;
  };

  ~GpuBuffers();
  GpuBuffers() = default;
  GpuBuffers(const GpuBuffers&) = delete;
  GpuBuffers& operator=(const GpuBuffers&) = delete;

  std::uint8_t* take_empty();                             ///< null only where memory has run out
  void give_full(std::uint8_t* data, std::size_t valid);  ///< drops it where kMostWaiting wait already
  std::vector<Full> take_full();
  void give_empty(std::uint8_t* data);
  std::uint64_t dropped() const { return dropped_; }  ///< whole buffers
  std::uint64_t requested() const { return requested_; }

 private:
  std::mutex mutex_;
  std::vector<std::uint8_t*> spare_;
  std::vector<Full> full_;
  std::uint64_t dropped_ = 0, requested_ = 0;
};

}  // namespace bigmac::capture
