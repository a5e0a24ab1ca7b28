// The boxes of one row of the timeline.
#include <algorithm>

#include "bigmac/report/tables.h"
#include "html_parts.h"

namespace bigmac::html {
namespace {

struct Box {
  double left, right;
  std::uint16_t paint;
  std::uint32_t op;     ///< the first, by index into Schedule::ops
  std::uint32_t count;  ///< 1, or how many were merged
};

class Row {
 public:
  Row(const Page& page, double height) : page_(page), schedule_(page.file.schedule), row_(height) {}

  std::string run(std::uint32_t rank, const Scale& x) const {
    std::string out;
    const std::vector<Box> boxes = boxes_of(rank, x);
    for (const Box& box : boxes) draw(out, box);
    numbers(out, boxes);
    return out;
  }

 private:
  OpTimes times(std::uint32_t op) const {
    return op_times(page_.outcome.graph, page_.outcome.slots, page_.outcome.timing, op);
  }

  std::vector<Box> boxes_of(std::uint32_t rank, const Scale& x) const {
    std::vector<Box> out;
    for (std::uint32_t i = schedule_.first[rank]; i < schedule_.first[rank + 1]; ++i) {
      const auto [start, end] = times(i);
      const double from = std::max(static_cast<double>(start.value), x.low),
                   to = std::min(static_cast<double>(end.value), x.high);
      if (!(from < to)) continue;
      const Box box{x.at(from), x.at(to), page_.palette.of(schedule_.ops[i]), i, 1};
      if (!out.empty() && merges(out.back(), box)) {
        out.back().right = box.right;
        ++out.back().count;
      } else {
        out.push_back(box);
      }
    }
    return out;
  }

  /// Neighbours of one colour, both too narrow to be seen apart, with no idle time between them.
  static bool merges(const Box& last, const Box& next) {
    const bool narrow = next.right - next.left < 0.5 && (last.count > 1 || last.right - last.left < 0.5);
    return narrow && last.paint == next.paint && next.left - last.right < 0.05;
  }

  void draw(std::string& out, const Box& box) const {
    const Paint& paint = page_.palette.paints()[box.paint];
    const double width = box.right - box.left, seam = std::min(0.7, 0.12 * width);
    const bool inset = paint.role != Role::llm && row_ >= 12;
    add(out, "<rect class=\"{}\" x=\"{}\"", paint.css, num(box.left));
    if (inset && paint.role == Role::generator) add(out, " y=\"{}\"", num(0.22 * row_));
    add(out, " width=\"{}\" height=\"{}\"", num(std::max(0.1, width - seam)), num(inset ? 0.78 * row_ : row_));
    out += width < 1.5 ? "/>\n" : "><title>" + title(box) + "</title></rect>\n";
  }

  std::string title(const Box& box) const {
    if (box.count > 1) return fmt::format("{} operations", box.count);
    const auto [start, end] = times(box.op);
    return escaped(to_string(page_.file.pipeline, schedule_.ops[box.op])) + " at " + human_time(start) + " for " +
           human_time(end - start);
  }

  /// Microbatch numbers, where they fit.
  void numbers(std::string& out, const std::vector<Box>& boxes) const {
    if (row_ < 15) return;
    std::string texts;
    for (const Box& box : boxes) {
      const Paint& paint = page_.palette.paints()[box.paint];
      const std::string text = fmt::format("{}", schedule_.ops[box.op].microbatch.value);
      if (box.count > 1 || box.right - box.left < 6.3 * static_cast<double>(text.size()) + 3) continue;
      const double shift = paint.role == Role::encoder ? -0.11 : paint.role == Role::generator ? 0.11 : 0;
      add(texts, "<text{} x=\"{}\" y=\"{}\">{}</text>", paint.white_text ? " class=\"l\"" : "",
          num((box.left + box.right) / 2 - 0.3), num((0.5 + shift) * row_ + 3.5), text);
    }
    if (!texts.empty()) out += "<g class=\"num\">" + texts + "</g>";
  }

  const Page& page_;
  const Schedule& schedule_;
  double row_;
};

}  // namespace

std::string row_boxes(const Page& page, std::uint32_t rank, const Scale& x, double height) {
  return Row(page, height).run(rank, x);
}

}  // namespace bigmac::html
