// Rows of a measured table as patches on a job.
#pragma once

#include <string>
#include <vector>

namespace accuracy {

/// One line of the table: column name to text.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
  double at(std::size_t row, const std::string& column) const;
};

/// Numbers only, one header line. Throws Error{bad_input} with file and line.
CsvTable read_csv(const std::string& path);

}  // namespace accuracy
