#include "measured_csv.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"

namespace accuracy {
namespace {

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

CsvTable read_csv(const std::string& path) {
  std::istringstream text(bigmac::read_text_file(path));
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
      if (end == cell.c_str() || *end != 0)
        bigmac::bad_input(fmt::format("{}:{}", path, number), "expected a number, found '" + cell + "'");
    }
    if (row.size() != table.columns.size())
      bigmac::bad_input(fmt::format("{}:{}", path, number),
                        fmt::format("expected {} columns, found {}", table.columns.size(), row.size()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace accuracy
