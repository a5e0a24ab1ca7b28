// Dense typed ids: a rank is not a stage is not a microbatch.
//
// Ids count from 0 and index vectors. An id that may be absent is std::optional<Id>, never a magic
// number.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace bigmac {

template <class Tag, class Representation = std::uint32_t>
struct Id {
  Representation value = 0;

  friend constexpr auto operator<=>(Id, Id) = default;
};

using RankId = Id<struct RankTag>;                    ///< a pipeline rank (one tensor-parallel group)
using StageId = Id<struct StageTag, std::uint16_t>;   ///< a virtual stage: a slice of a module's layers
using MicrobatchId = Id<struct MicrobatchTag>;        ///< the job's own number of a microbatch
using ModuleId = Id<struct ModuleTag, std::uint8_t>;  ///< the LLM (always 0), an encoder or a generator
using TaskId = Id<struct TaskTag>;                    ///< an operation's place in the dependency graph

/// A vector indexed by one kind of id only.
template <class IdType, class T>
struct IdVector {
  std::vector<T> items;

  IdVector() = default;
  explicit IdVector(std::size_t size, const T& fill = T{}) : items(size, fill) {}

  decltype(auto) operator[](IdType id) { return items[id.value]; }
  decltype(auto) operator[](IdType id) const { return items[id.value]; }
  std::size_t size() const { return items.size(); }
  auto begin() { return items.begin(); }
  auto end() { return items.end(); }
  auto begin() const { return items.begin(); }
  auto end() const { return items.end(); }
};

}  // namespace bigmac
