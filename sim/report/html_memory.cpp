// Memory over time: the fullest rank by kind, then up to eight ranks side by side.
#include <algorithm>
#include <array>

#include "bigmac/report/tables.h"
#include "html_parts.h"

namespace bigmac::html {
namespace {

/// Bytes by kind, in the order of kMemory.
using Stack = std::array<std::int64_t, kMemoryKinds>;

struct Step {
  Nanoseconds at{};
  Stack bytes{};
};

std::int64_t total(const Stack& stack) {
  std::int64_t sum = 0;
  for (const std::int64_t bytes : stack) sum += bytes;
  return sum;
}

struct Frame {
  double left, right, top, bottom;
};

std::vector<Step> course(const Page& page, std::uint32_t rank) {
  Stack still{};
  if (page.file.plan && rank < page.file.plan->memory.size()) {
    const RankMemory& memory = page.file.plan->memory[rank];
    still = {memory.weights.value, memory.gradients.value, memory.optimizer.value, memory.buffers.value};
  }
  std::vector<Step> out;
  for (const MemoryStep& step :
       activation_timeline(page.file.pipeline, page.file.schedule, page.file.costs, page.outcome.graph,
                           page.outcome.slots, page.outcome.timing, RankId{rank})) {
    Stack stack = still;
    for (std::size_t role = 0; role < kRoles; ++role) stack[4 + role] = step.kept[role].value;
    stack[7] = step.transient.value;
    out.push_back({step.at, stack});
  }
  return out;
}

/// At most one step per half pixel: the highest.
std::vector<Step> thinned(const std::vector<Step>& steps, const Scale& x) {
  std::vector<Step> out;
  long long column = -1;
  for (const Step& step : steps) {
    const auto here = static_cast<long long>(2 * x.at(static_cast<double>(step.at.value)));
    if (here != column) out.push_back(step);
    else if (total(step.bytes) > total(out.back().bytes)) out.back().bytes = step.bytes;
    column = here;
  }
  return out;
}

/// The area from 0 up to the sum of kinds 0..kind.
std::string area(const std::vector<Step>& steps, std::size_t kind, const Scale& x, const Scale& y) {
  std::string path = fmt::format("M{} {}", num(x.from), num(y.from));
  std::string last;
  for (const Step& step : steps) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k <= kind; ++k) sum += step.bytes[k];
    const std::string height = num(y.at(static_cast<double>(sum)));
    if (height != last) add(path, "H{}V{}", num(x.at(static_cast<double>(step.at.value))), height);
    last = height;
  }
  return path + fmt::format("H{}V{}Z", num(x.to), num(y.from));
}

std::array<bool, kMemoryKinds> used_kinds(const std::vector<Step>& steps) {
  std::array<bool, kMemoryKinds> used{};
  for (const Step& step : steps)
    for (std::size_t k = 0; k < kMemoryKinds; ++k) used[k] = used[k] || step.bytes[k] > 0;
  return used;
}

/// Painted from the highest sum down, so that each kind shows between its own sum and the one below.
std::string areas(const std::vector<Step>& steps, const Scale& x, const Scale& y) {
  const auto used = used_kinds(steps);
  std::string out;
  for (std::size_t k = kMemoryKinds; k-- > 0;)
    if (used[k])
      add(out, "<path class=\"{}\" d=\"{}\"><title>{}</title></path>\n", kMemory[k].css, area(steps, k, x, y),
          kMemory[k].name);
  return out;
}

class MemoryCharts {
 public:
  explicit MemoryCharts(const Page& page)
      : page_(page), fullest_(fullest_rank(page)), limit_(memory_limit(page)), most_(rank_total(page, fullest_)) {
    double high = 1.04 * static_cast<double>(most_.value);
    if (limit_ && static_cast<double>(limit_->value) < 2 * high)
      high = std::max(high, 1.02 * static_cast<double>(limit_->value));
    else limit_.reset();
    high_ = high;
  }

  std::string run() const {
    if (most_.value <= 0) return "<p class=\"note\">This job states no memory.</p>\n";
    const std::vector<Step> steps = course(page_, fullest_);
    std::string out =
        page_.file.plan ? ""
                        : "<p class=\"note\">Activations alone: the job states nothing of weights and optimizer.</p>\n";
    out += "<p class=\"legend\">";
    const auto used = used_kinds(steps);
    for (std::size_t k = 0; k < kMemoryKinds; ++k)
      if (used[k]) out += legend_key(kMemory[k].css, kMemory[k].name);
    out += "</p>\n" + fmt::format("<h3>Rank {}, the fullest</h3>\n", fullest_) + large(steps);
    if (page_.outcome.ranks.size() > 1) out += multiples();
    return out;
  }

 private:
  Scale time(double left, double right) const {
    return {0, std::max<double>(1, static_cast<double>(page_.outcome.iteration.value)), left, right};
  }

  std::string large(const std::vector<Step>& steps) const {
    const Frame frame{kLeft, kRight, 30, 230};
    const Scale x = time(frame.left, frame.right), y{0, high_, frame.bottom, frame.top};
    const Unit unit = byte_unit(most_);
    std::string out = fmt::format(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Memory of rank {} over time\"><svg "
        "viewBox=\"0 0 {} 254\">\n",
        fullest_, kWidth);
    out += time_axis(x, frame.top, frame.bottom) + areas(thinned(steps, x), x, y);
    std::string grid;
    for (const Tick& tick : ticks(0, high_, 5, unit)) {
      add(grid, "M{} {}H{}", num(frame.left - 4), num(y.at(tick.value)), num(frame.left));
      add(out, "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>", num(frame.left - 8), num(y.at(tick.value) + 4),
          tick.label);
    }
    add(out, "<path class=\"axis\" d=\"{}M{} {}V{}H{}\"/><text x=\"0\" y=\"11\">{} per GPU</text>\n", grid,
        num(frame.left), num(frame.top), num(frame.bottom), num(frame.right), unit.name);
    return out + limit_line(frame, y) + peak(frame, x, y) + "</svg></div>\n";
  }

  std::string limit_line(const Frame& frame, const Scale& y) const {
    if (!limit_) return "";
    const double at = y.at(static_cast<double>(limit_->value));
    return fmt::format(
        "<path class=\"mark dash\" d=\"M{} {}H{}\"/><text class=\"end\" x=\"{}\" y=\"{}\">limit</text>"
        "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>\n",
        num(frame.left), num(at), num(frame.right), kWidth, num(at - 2), kWidth, num(at + 11), human_bytes(*limit_));
  }

  /// A dot where the most is held, and above the plot, where nothing else stands, what it is.
  std::string peak(const Frame& frame, const Scale& x, const Scale& y) const {
    const std::uint32_t op = page_.outcome.ranks[fullest_].peak_op;
    const Nanoseconds at = op_times(page_.outcome.graph, page_.outcome.slots, page_.outcome.timing, op).start;
    const double px = x.at(static_cast<double>(at.value)), py = y.at(static_cast<double>(most_.value));
    const bool left = px > (frame.left + frame.right) / 2;
    const std::string what = fmt::format("peak {} at {}, in {}", human_bytes(most_), human_time(at),
                                         escaped(to_string(page_.file.pipeline, page_.file.schedule.ops[op])));
    return fmt::format(
        "<path class=\"mark\" d=\"M{} {}V{}\"/><circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"4\"/>"
        "<text class=\"markt{}\" x=\"{}\" y=\"20\">{}</text>\n",
        num(px), num(py), 12, num(px), num(py), left ? " end" : "", num(px + (left ? -6 : 6)), what);
  }

  std::string multiples() const {
    const std::vector<std::uint32_t> ranks =
        some_ranks(static_cast<std::uint32_t>(page_.outcome.ranks.size()), 8, fullest_);
    std::string out = fmt::format("<h3>{} on the same scale</h3>\n<div class=\"small\">\n",
                                  ranks.size() == page_.outcome.ranks.size()
                                      ? "All ranks"
                                      : fmt::format("{} of {} ranks", ranks.size(), page_.outcome.ranks.size()));
    for (const std::uint32_t rank : ranks) out += small(rank);
    return out + "</div>\n";
  }

  std::string small(std::uint32_t rank) const {
    const Frame frame{0, 300, 18, 98};
    const Scale x = time(frame.left, frame.right), y{0, high_, frame.bottom, frame.top};
    std::string out = fmt::format(
        "<svg viewBox=\"0 0 300 100\" role=\"img\" aria-label=\"Memory of rank {}\"><text class=\"strong\" x=\"0\" "
        "y=\"12\">rank {}</text>"
        "<text class=\"end\" x=\"300\" y=\"12\">peak {}</text>\n",
        rank, rank, human_bytes(rank_total(page_, rank)));
    add(out, "<rect class=\"lane\" x=\"0\" y=\"{}\" width=\"300\" height=\"{}\"/>", frame.top,
        frame.bottom - frame.top);
    out += areas(thinned(course(page_, rank), x), x, y);
    if (limit_) add(out, "<path class=\"mark dash\" d=\"M0 {}H300\"/>", num(y.at(static_cast<double>(limit_->value))));
    return out + "</svg>\n";
  }

  const Page& page_;
  std::uint32_t fullest_;
  std::optional<Bytes> limit_;
  Bytes most_;
  double high_ = 1;
};

}  // namespace

std::string memory_section(const Page& page) {
  if (page.outcome.ranks.empty()) return "";
  return "<section><h2>Memory over time</h2>\n" + MemoryCharts(page).run() + "</section>\n";
}

}  // namespace bigmac::html
