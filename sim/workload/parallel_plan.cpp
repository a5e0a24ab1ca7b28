#include "bigmac/workload/parallel_plan.h"

#include <array>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::array kAll = {Recompute::none, Recompute::selective, Recompute::mlp, Recompute::partial,
                             Recompute::full};

}  // namespace

const char* name(Recompute recompute) {
  switch (recompute) {
    case Recompute::none: return "none";
    case Recompute::selective: return "selective";
    case Recompute::mlp: return "mlp";
    case Recompute::partial: return "partial";
    case Recompute::full: return "full";
  }
  return "";
}

std::vector<std::string> recompute_names() {
  std::vector<std::string> out;
  for (const Recompute choice : kAll) out.push_back(name(choice));
  return out;
}

Recompute recompute_named(const std::string& text) {
  for (const Recompute choice : kAll)
    if (text == name(choice)) return choice;
  bad_input("recompute", unknown_name("recompute", text, recompute_names()));
}

}  // namespace bigmac
