#include "bigmac/workload/parallel_plan.h"

#include "bigmac/base/error.h"

namespace bigmac {

const char* name(Recompute recompute) {
  switch (recompute) {
    case Recompute::none: return "none";
    case Recompute::selective: return "selective";
    case Recompute::full: return "full";
  }
  return "";
}

Recompute recompute_named(const std::string& text) {
  for (const Recompute choice : {Recompute::none, Recompute::selective, Recompute::full})
    if (text == name(choice)) return choice;
  bad_input("recompute", unknown_name("recompute", text, {"none", "selective", "full"}));
}

}  // namespace bigmac
