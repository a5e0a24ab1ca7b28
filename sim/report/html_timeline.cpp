// The schedule over time: a row per rank, a box per operation.
//
// A schedule whose boxes are too narrow to read is drawn whole and its beginning and end once more, enlarged. Over
// kMostOperations it is not drawn whole.
#include <algorithm>

#include "bigmac/report/tables.h"
#include "html_parts.h"

namespace bigmac::html {
namespace {

constexpr std::size_t kMostOperations = 40'000;
constexpr std::uint32_t kMostRows = 64;
constexpr double kReadable = 9;  // mean width of a box below which details are drawn, pixels
constexpr double kDetail = 25;   // and what it is there

struct Window {
  double from, to;
  std::string heading;
  bool whole = false;

  double top() const { return whole ? 18 : 4; }  // of the first row
};

class Timeline {
 public:
  explicit Timeline(const Page& page)
      : page_(page),
        schedule_(page.file.schedule),
        rows_(some_ranks(schedule_.ranks(), kMostRows, fullest_rank(page))),
        whole_(static_cast<double>(page.outcome.iteration.value)) {
    const std::size_t n = rows_.size();
    row_ = n <= 8 ? 25 : n <= 16 ? 18 : n <= 32 ? 13 : 9;
    gap_ = n <= 16 ? 3 : 1;
    for (const std::uint32_t rank : rows_)
      most_ops_ = std::max<double>(most_ops_, schedule_.first[rank + 1] - schedule_.first[rank]);
  }

  std::string run() {
    std::string out = notes() + page_.palette.legend(schedule_.ops);
    for (const Window& window : windows()) out += panel(window);
    return out;
  }

 private:
  bool cut() const { return schedule_.ops.size() > kMostOperations; }
  bool crowded() const { return (kRight - kLeft) / most_ops_ < kReadable; }
  OpTimes times(std::uint32_t op) const {
    return op_times(page_.outcome.graph, page_.outcome.slots, page_.outcome.timing, op);
  }

  /// How long the enlarged windows are: as long as boxes stay readable, and where nothing else is drawn, until the last
  /// rank has left its warm-up, as far as that many boxes can be drawn.
  double detail() const {
    const double readable = whole_ * std::min(0.45, (kRight - kLeft) / kDetail / most_ops_);
    if (!cut()) return readable;
    const double most =
        whole_ * std::min(0.45, 0.5 * kMostOperations / (most_ops_ * static_cast<double>(rows_.size())));
    return std::clamp(warm_up(), std::min(readable, most), most);
  }

  /// When the last rank starts its first backward of the LLM.
  double warm_up() const {
    double latest = 0;
    for (const std::uint32_t rank : rows_)
      for (std::uint32_t i = schedule_.first[rank]; i < schedule_.first[rank + 1]; ++i) {
        const Op& op = schedule_.ops[i];
        if (op.module != kLlm || op.kind == OpKind::forward) continue;
        latest = std::max(latest, static_cast<double>(times(i).start.value));
        break;
      }
    return latest;
  }

  std::vector<Window> windows() const {
    if (whole_ <= 0) return {};
    if (!cut() && !crowded()) return {{0, whole_, "", true}};
    std::vector<Window> out;
    if (!cut()) out.push_back({0, whole_, "Whole iteration", true});
    const double span = detail();
    const auto text = [](double t) { return human_time(Nanoseconds{static_cast<std::int64_t>(t)}); };
    out.push_back({0, span, "A: warm-up, the first " + text(span)});
    out.push_back({whole_ - span, whole_, "B: cool-down, the last " + text(span)});
    return out;
  }

  std::string notes() const {
    std::string out = fmt::format("{} ranks, {} {}, {} microbatches, {} operations.", page_.file.pipeline.ranks,
                                  page_.file.pipeline.chunks, page_.file.pipeline.chunks == 1 ? "chunk" : "chunks each",
                                  grouped(page_.file.pipeline.microbatches), grouped(schedule_.ops.size()));
    for (const auto& [name, value] : schedule_.parameters) add(out, " {} = {}.", escaped(name), value);
    if (cut())
      add(out, " The timeline is cut to the warm-up and the cool-down: it would hold more than {} operations.",
          grouped(kMostOperations));
    if (rows_.size() < schedule_.ranks()) add(out, " {} of {} ranks are shown.", rows_.size(), schedule_.ranks());
    const bool split = !page_.file.pipeline.encoders.empty() || !page_.file.pipeline.generators.empty();
    return "<p class=\"note\">" + out + " Numbers in boxes are microbatches" +
           (split ? "; encoders stand at the upper edge of a row, generators at the lower" : "") + ".</p>\n";
  }

  std::string panel(const Window& window) const {
    const Scale x{window.from, window.to, kLeft, kRight};
    const double bottom = window.top() + static_cast<double>(rows_.size()) * (row_ + gap_);
    std::string out = window.heading.empty() ? "" : "<h3>" + window.heading + "</h3>\n";
    add(out,
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline {}\"><svg viewBox=\"0 0 {} {}\">\n",
        window.heading, kWidth, num(bottom + 24));
    out += time_axis(x, window.top(), bottom);
    if (window.whole) out += margins();
    for (std::size_t i = 0; i < rows_.size(); ++i) row(out, i, x, window);
    return out + "</svg></div>\n";
  }

  /// Above the whole iteration: what the right margin says, and which spans are enlarged below.
  std::string margins() const {
    std::string out = fmt::format("<text class=\"end\" x=\"{}\" y=\"11\">idle</text>", kWidth);
    if (!crowded()) return out;
    const double span = detail() / whole_ * (kRight - kLeft);
    add(out,
        "<path class=\"mark\" d=\"M{} 15H{}M{} 15H{}\"/><text class=\"markt\" x=\"{}\" y=\"11\">A</text><text "
        "class=\"markt end\" x=\"{}\" y=\"11\">B</text>",
        kLeft, num(kLeft + span), num(kRight - span), kRight, kLeft, kRight);
    return out;
  }

  void row(std::string& out, std::size_t i, const Scale& x, const Window& window) const {
    const std::uint32_t rank = rows_[i];
    const RankActivations& activations = page_.outcome.ranks[rank];
    add(out, "<g transform=\"translate(0 {})\">", num(window.top() + static_cast<double>(i) * (row_ + gap_)));
    if (row_ >= 12 || i % 4 == 0) {
      add(out, "<text class=\"end\" x=\"{}\" y=\"{}\">rank {}</text>", kLeft - 8, num(row_ / 2 + 4), rank);
      if (window.whole)
        add(out, "<text class=\"end\" x=\"{}\" y=\"{}\">{:.1f} %</text>", kWidth, num(row_ / 2 + 4),
            100 * (1 - static_cast<double>(activations.busy.value) / whole_));
    }
    add(out, "<rect class=\"lane\" x=\"{}\" width=\"{}\" height=\"{}\"/>\n", kLeft, kRight - kLeft, row_);
    out += row_boxes(page_, rank, x, row_) + "</g>\n";
  }

  const Page& page_;
  const Schedule& schedule_;
  std::vector<std::uint32_t> rows_;
  double whole_ = 0, row_ = 0, gap_ = 0, most_ops_ = 1;
};

}  // namespace

std::string timeline_section(const Page& page) {
  return "<section><h2>Schedule</h2>\n" + Timeline(page).run() + "</section>\n";
}

}  // namespace bigmac::html
