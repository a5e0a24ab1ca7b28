#include "measured_csv.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"

namespace accuracy {
namespace {

constexpr double kLargest = 1e15;  // whole numbers stay exact, and integers hold them

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

}  // namespace

double CsvTable::at(std::size_t row, const std::string& column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (found == columns.end()) bigmac::bad_input("measured table", "expected a column '" + column + "'");
  return rows[row][static_cast<std::size_t>(found - columns.begin())];
}

CsvTable read_csv(const std::string& path) { return parse_csv(bigmac::read_text_file(path), path); }

CsvTable parse_csv(const std::string& contents, const std::string& file) {
  std::istringstream text(contents);
  CsvTable table;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const std::vector<std::string> cells = cells_of(line);
    if (table.columns.empty()) {
      table.columns = cells;
      continue;
    }
    std::vector<double> row;
    for (const std::string& cell : cells) {
      char* end = nullptr;
      row.push_back(std::strtod(cell.c_str(), &end));
      if (end == cell.c_str() || *end != 0 || !(std::abs(row.back()) <= kLargest))
        bigmac::bad_input(fmt::format("{}:{}", file, number), "expected a number up to 1e15, found '" + cell + "'");
    }
    if (row.size() != table.columns.size())
      bigmac::bad_input(fmt::format("{}:{}", file, number),
                        fmt::format("expected {} columns, found {}", table.columns.size(), row.size()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace accuracy
