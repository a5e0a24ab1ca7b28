// Results as Python people hold them: plain dicts and numpy arrays.
#pragma once

#include <string>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bigmac/report/schedule_file.h"

namespace bigmac::python {

namespace py = pybind11;

/// Python's own reading of a JSON object.
py::dict dict_of_json(const std::string& text);

/// The numbers of an outcome, "ranks" and "operations" as dicts of arrays, and "text", the schedule file.
py::dict outcome_dict(const ScheduleFile& file, const Outcome& outcome);

}  // namespace bigmac::python
