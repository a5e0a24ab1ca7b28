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

/// Finite numbers only, one header line. Throws Error{bad_input} with file and line.
CsvTable read_csv(const std::string& path);
/// The same from text; `file` names it in messages.
CsvTable parse_csv(const std::string& contents, const std::string& file);

}  // namespace accuracy
