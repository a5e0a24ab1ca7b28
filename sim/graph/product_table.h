// Who made what: one entry per product (module, stage, microbatch), dense. Private to the graph room.
#pragma once

#include <array>
#include <vector>

#include "bigmac/schedule/dependencies.h"

namespace bigmac {

class ProductTable {
 public:
  explicit ProductTable(const Pipeline& pipeline, std::uint32_t fill) : microbatches_(pipeline.microbatches) {
    std::size_t next = 0;
    for (std::size_t m = 0; m < pipeline.modules.size(); ++m)
      for (std::size_t& first : first_[m]) {
        first = next;
        next += std::size_t{pipeline.modules.items[m].stages} * microbatches_;
      }
    entries_.assign(next, fill);
  }

  std::uint32_t& operator[](const ProductKey& key) {
    return entries_[first_[key.module.value][static_cast<std::size_t>(key.product)] +
                    std::size_t{key.stage.value} * microbatches_ + key.microbatch.value];
  }

 private:
  std::array<std::array<std::size_t, kProducts>, kMaxModules> first_{};
  std::uint32_t microbatches_;
  std::vector<std::uint32_t> entries_;
};

}  // namespace bigmac
