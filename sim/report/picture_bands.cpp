#include "picture_bands.h"

#include <algorithm>
#include <cmath>

namespace bigmac::html {
namespace {

constexpr double kBand = 1.5;  // pixels

class Bands {
 public:
  Bands(const Page& page, const Scale& x)
      : page_(page), x_(x), idle_(page.palette.paints().size()), owed_(idle_ + 1, 0.0), paths_(idle_) {}

  std::string run(std::uint32_t rank, double height) {
    next_ = page_.file.schedule.first[rank];
    last_ = page_.file.schedule.first[rank + 1];
    const auto columns = static_cast<std::size_t>(std::ceil((x_.to - x_.from) / kBand));
    std::size_t run_start = 0, run_paint = idle_;
    for (std::size_t column = 0; column <= columns; ++column) {
      const std::size_t paint = column < columns ? take(column) : idle_;
      if (paint == run_paint) continue;
      if (run_paint != idle_) append(paths_[run_paint], run_start, column, height);
      run_start = column;
      run_paint = paint;
    }
    std::string out;
    for (std::size_t paint = 0; paint < idle_; ++paint)
      if (!paths_[paint].empty())
        add(out, "<path class=\"{}\" d=\"{}\"/>\n", page_.palette.paints()[paint].css, paths_[paint]);
    return out;
  }

 private:
  double left(std::size_t column) const { return std::min(x_.to, x_.from + kBand * static_cast<double>(column)); }

  void append(std::string& path, std::size_t from, std::size_t to, double height) const {
    const std::string wide = num(left(to) - left(from));
    add(path, "M{} 0h{}v{}h-{}z", num(left(from)), wide, num(height), wide);
  }

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
  std::size_t idle_;
  std::uint32_t next_ = 0, last_ = 0;
  std::vector<double> owed_;
  std::vector<std::string> paths_;
};

}  // namespace

std::string row_bands(const Page& page, std::uint32_t rank, const Scale& x, double height) {
  return Bands(page, x).run(rank, height);
}

}  // namespace bigmac::html
