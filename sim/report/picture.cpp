#include "bigmac/report/picture.h"

#include <algorithm>
#include <cmath>

#include "bigmac/report/tables.h"
#include "columns.h"
#include "html_parts.h"

namespace bigmac {
namespace {

using html::add;
using html::num;

constexpr double kMargin = 12, kLabels = 52, kTop = 34;
constexpr double kLetter = 7.2;  // mean width at 11 px, on the safe side for the usual sans-serifs
constexpr double kBands = 3;     // mean width of a box below which rows are bands, pixels

double text_width(const std::string& text) { return kLetter * static_cast<double>(text.size()); }

class Picture {
 public:
  Picture(const ScheduleFile& file, const Outcome& outcome, const PictureOptions& options)
      : page_{none_, file, outcome, html::Palette(file.pipeline)},
        options_(options),
        ranks_(file.schedule.ranks()),
        x_{0, static_cast<double>(std::max({std::int64_t{1}, outcome.iteration.value, options.time.value})),
           kMargin + kLabels, std::max(400.0, options.width) - kMargin - 4} {
    row_ = ranks_ <= 8 ? 22 : ranks_ <= 16 ? 16 : ranks_ <= 32 ? 10 : ranks_ <= 128 ? 6 : 3;
    gap_ = ranks_ <= 16 ? 3 : 0.5;
    std::uint32_t most = 1;
    for (std::uint32_t rank = 0; rank < ranks_; ++rank)
      most = std::max(most, file.schedule.first[rank + 1] - file.schedule.first[rank]);
    bands_ = (x_.to - x_.from) / most < kBands;
  }

  std::string run() {
    const double bottom = kTop + ranks_ * (row_ + gap_);
    std::string body = html::time_axis(x_, kTop - 4, bottom);
    for (std::uint32_t rank = 0; rank < ranks_; ++rank) row(body, rank);
    double height = bottom + 34;
    const std::string keys = legend(height);
    const double width = x_.to + kMargin + 4;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
        "font-family=\"Helvetica,Arial,DejaVu Sans,sans-serif\" font-size=\"11\">\n<title>{2}</title>\n",
        num(width), num(height), heading());
    out += "<style>" + page_.palette.css() +
           ".grid{stroke:#d5dae1;fill:none}.lane{fill:#eef1f5}text{fill:#444c57}.mid,.num{text-anchor:middle}"
           ".end{text-anchor:end}.num{font-size:10px}.num text{fill:#14171b}.num .l{fill:#fff}.head{font-size:13px;"
           "font-weight:600;fill:#14171b}</style>\n";
    add(out, "<rect width=\"{}\" height=\"{}\" fill=\"#fff\"/>\n<text class=\"head\" x=\"{}\" y=\"20\">{}</text>\n",
        num(width), num(height), kMargin, heading());
    return out + body + keys + "</svg>\n";
  }

 private:
  std::string heading() const {
    if (!options_.title.empty()) return html::escaped(options_.title);
    const Schedule& schedule = page_.file.schedule;
    return html::escaped(fmt::format("{}{}: {}, {:.1f} % idle", schedule.name,
                                     schedule.base.empty() ? "" : " over " + schedule.base,
                                     human_time(page_.outcome.iteration), 100 * page_.outcome.bubble_fraction));
  }

  void row(std::string& out, std::uint32_t rank) const {
    const auto every = static_cast<std::uint32_t>(std::max(1.0, std::ceil(13 / (row_ + gap_))));
    add(out, "<g transform=\"translate(0 {})\">", num(kTop + rank * (row_ + gap_)));
    if (rank % every == 0)
      add(out, "<text class=\"end\" x=\"{}\" y=\"{}\">rank {}</text>", num(x_.from - 7), num(row_ / 2 + 4), rank);
    add(out, "<rect class=\"lane\" x=\"{}\" width=\"{}\" height=\"{}\"/>\n", num(x_.from), num(x_.to - x_.from),
        num(row_));
    out += (bands_ ? html::row_bands(page_, rank, x_, row_) : html::row_boxes(page_, rank, x_, row_)) + "</g>\n";
  }

  /// Swatches and words from left to right, broken into lines; `height` grows with them.
  std::string legend(double& height) const {
    std::string out;
    double x = x_.from, y = height;
    for (const html::Key& key : page_.palette.keys(page_.file.schedule.ops)) {
      const double wide = 11.0 * static_cast<double>(key.css.size()) + 6 + text_width(key.label) + 14;
      if (x > x_.from && x + wide > x_.to) x = x_.from, y += 18;
      for (const std::string& css : key.css) {
        add(out, "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"11\" height=\"11\"/>", css, num(x), num(y - 9));
        x += 11;
      }
      add(out, "<text x=\"{}\" y=\"{}\">{}</text>\n", num(x + 6), num(y), html::escaped(key.label));
      x += 6 + text_width(key.label) + 14;
    }
    height = y + 12;
    return out;
  }

  HtmlReport none_;
  html::Page page_;
  const PictureOptions& options_;
  std::uint32_t ranks_;
  html::Scale x_;
  double row_ = 0, gap_ = 0;
  bool bands_ = false;
};

}  // namespace

std::string schedule_picture(const ScheduleFile& file, const Outcome& outcome, const PictureOptions& options) {
  return Picture(file, outcome, options).run();
}

}  // namespace bigmac
