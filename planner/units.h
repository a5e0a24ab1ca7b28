// Units of work of a search, and their results as text. Private to the planner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/planner/search.h"
#include "families.h"

namespace bigmac {

/// A plan under the schedules of one family.
struct Unit {
  std::size_t plan = 0, family = 0;
};

/// By choice of the family; nothing where the schedule refuses the plan's pipeline.
using Found = std::vector<std::optional<Evaluation>>;

std::vector<std::string> schedules_of(const Job& job, const SearchOptions& options);

class UnitWork {
 public:
  UnitWork(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options);

  const std::vector<Family>& families() const { return families_; }
  Found run(const Unit& unit) const;

  std::string task(const Unit& unit) const;
  /// task -> result. Throws Error{bad_input} for a task that is none.
  std::string work(const std::string& task) const;
  /// Throws Error{bad_input} for a result that run() cannot have made.
  Found found(const Unit& unit, const std::string& result) const;

 private:
  const Job& job_;
  const PlanSpace& space_;
  const ProfileCache& cache_;
  Bytes limit_;
  std::vector<Family> families_;
};

}  // namespace bigmac
