// bigmac-plan export: a plan as what a trainer loads.
#pragma once

#include <string>

namespace bigmac::apps {

struct ExportArguments {
  std::string plan, format, output;
};

int export_plan(const ExportArguments& arguments);

}  // namespace bigmac::apps
