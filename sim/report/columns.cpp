#include "columns.h"

#include <algorithm>
#include <cmath>

namespace bigmac::html {
namespace {

constexpr double kBand = 1.5;  // pixels

class Columns {
 public:
  Columns(const Page& page, std::uint32_t rank, const Scale& x, double width)
      : page_(page),
        x_(x),
        width_(width),
        next_(page.file.schedule.first[rank]),
        last_(page.file.schedule.first[rank + 1]),
        idle_(page.palette.paints().size()),
        owed_(idle_ + 1, 0.0) {}

  std::vector<std::size_t> run() {
    const auto count = static_cast<std::size_t>(std::ceil((x_.to - x_.from) / width_ - 1e-9));
    std::vector<std::size_t> out;
    for (std::size_t column = 0; column < count; ++column) out.push_back(take(column));
    return out;
  }

 private:
  double left(std::size_t column) const { return std::min(x_.to, x_.from + width_ * static_cast<double>(column)); }

  /// The colour of a column: what runs in it is owed, what it shows is paid.
  std::size_t take(std::size_t column) {
    const double from = left(column), to = left(column + 1);
    double covered = 0;
    for (std::uint32_t op = next_; op < last_; ++op) {
      const auto [start, end] = op_times(page_.outcome.graph, page_.outcome.slots, page_.outcome.timing, op);
      const double a = x_.at(static_cast<double>(start.value)), b = x_.at(static_cast<double>(end.value));
      if (a >= to) break;
      const double inside = std::max(0.0, std::min(b, to) - std::max(a, from));
      owed_[page_.palette.of(page_.file.schedule.ops[op])] += inside;
      covered += inside;
      if (b <= to) next_ = op + 1;
    }
    owed_[idle_] += std::max(0.0, to - from - covered);
    const auto most = std::max_element(owed_.begin(), owed_.end());
    *most -= to - from;
    return static_cast<std::size_t>(most - owed_.begin());
  }

  const Page& page_;
  const Scale& x_;
  double width_;
  std::uint32_t next_, last_;
  std::size_t idle_;
  std::vector<double> owed_;
};

}  // namespace

std::vector<std::size_t> owed_columns(const Page& page, std::uint32_t rank, const Scale& x, double width) {
  return Columns(page, rank, x, width).run();
}

std::string row_bands(const Page& page, std::uint32_t rank, const Scale& x, double height) {
  const std::vector<std::size_t> columns = owed_columns(page, rank, x, kBand);
  const auto& paints = page.palette.paints();
  std::vector<std::string> paths(paints.size());
  for (std::size_t from = 0, to; from < columns.size(); from = to) {
    to = from + 1;
    while (to < columns.size() && columns[to] == columns[from]) ++to;
    if (columns[from] == paints.size()) continue;
    const double left = x.from + kBand * static_cast<double>(from);
    const std::string wide = num(std::min(x.to, x.from + kBand * static_cast<double>(to)) - left);
    add(paths[columns[from]], "M{} 0h{}v{}h-{}z", num(left), wide, num(height), wide);
  }
  std::string out;
  for (std::size_t paint = 0; paint < paths.size(); ++paint)
    if (!paths[paint].empty()) add(out, "<path class=\"{}\" d=\"{}\"/>\n", paints[paint].css, paths[paint]);
  return out;
}

}  // namespace bigmac::html
