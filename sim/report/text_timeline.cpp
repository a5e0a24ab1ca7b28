// A schedule in characters: one per column of time, a line per rank.
#include <algorithm>

#include "bigmac/report/tables.h"
#include "columns.h"

namespace bigmac {
namespace {

constexpr int kMargin = 10;           // "rank 1023 "
constexpr std::uint32_t kLines = 32;  // most ranks drawn

/// Small for forward, capital for backward.
char glyph(const html::Paint& paint) {
  const std::string& css = paint.css;
  if (css == "ef") return 'e';
  if (css == "eb") return 'E';
  if (css == "gf") return 'g';
  if (css == "gb") return 'G';
  if (css == "w") return 'W';
  if (css == "r") return 'r';
  return css.front() == 'f' ? 'f' : 'B';
}

/// "\x1b[30;48;2;r;g;bm": the palette's colour behind, its ink before.
std::string shade(const html::Paint& paint) {
  const auto part = [&](std::size_t at) { return std::stoi(paint.colour.substr(at, 2), nullptr, 16); };
  return fmt::format("\x1b[{};48;2;{};{};{}m", paint.white_text ? 97 : 30, part(1), part(3), part(5));
}

std::string line(const html::Page& page, std::uint32_t rank, const html::Scale& x, bool colour) {
  const auto& paints = page.palette.paints();
  std::string out = fmt::format("rank {:<5}", rank);
  std::size_t before = paints.size();
  for (const std::size_t paint : html::owed_columns(page, rank, x, 1)) {
    if (colour && paint != before) out += paint == paints.size() ? "\x1b[0m" : shade(paints[paint]);
    out += paint == paints.size() ? '.' : glyph(paints[paint]);
    before = paint;
  }
  return out + (colour && before != paints.size() ? "\x1b[0m\n" : "\n");
}

std::string legend(const ScheduleFile& file, int columns) {
  static const std::pair<char, const char*> meanings[] = {
      {'e', "encoder forward"},   {'E', "backward"},         {'f', "LLM forward"},
      {'B', "backward"},          {'W', "weight gradients"}, {'r', "recomputed forward"},
      {'g', "generator forward"}, {'G', "backward"},         {'.', "idle"}};
  const html::Palette palette(file.pipeline);
  std::string used = ".";
  for (const Op& op : file.schedule.ops) {
    const char found = glyph(palette.paints()[palette.of(op)]);
    if (used.find(found) == std::string::npos) used += found;
  }
  std::string out, row;
  for (const auto& [letter, meaning] : meanings) {
    if (used.find(letter) == std::string::npos) continue;
    const std::string next = fmt::format("{} {}", letter, meaning);
    if (!row.empty() && row.size() + 2 + next.size() > static_cast<std::size_t>(columns))
      out += row + "\n", row.clear();
    row += (row.empty() ? "" : "  ") + next;
  }
  return out + row + "\n";
}

}  // namespace

std::string wrapped(const std::string& text, std::size_t indent, std::size_t columns) {
  std::string out;
  std::size_t start = 0, used = 0;  // of the line: its first character, and how far it goes
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (at > start && used + (end - at) > columns) {
      out.back() = '\n';
      out.append(indent, ' ');
      start = at, used = indent;
    }
    out.append(text, at, end - at + 1);
    used += end - at + 1;
    at = end + 1;
  }
  return out;
}

std::string text_timeline(const ScheduleFile& file, const Outcome& outcome, int columns, bool colour) {
  const HtmlReport none;
  const html::Page page{none, file, outcome, html::Palette(file.pipeline)};
  const double whole = std::max<double>(1, static_cast<double>(outcome.iteration.value));
  const html::Scale x{0, whole, 0, static_cast<double>(std::max(10, columns - kMargin))};
  std::string out;
  const std::uint32_t ranks = file.schedule.ranks();
  for (const std::uint32_t rank : html::some_ranks(ranks, kLines, 0)) out += line(page, rank, x, colour);
  const std::string right = human_time(outcome.iteration);
  out += fmt::format("{:<{}}0{:>{}}\n", "", kMargin, right, static_cast<int>(x.to) - 1);
  if (ranks > kLines) out += fmt::format("{} of {} ranks; ", kLines, ranks);
  return out + legend(file, columns);
}

}  // namespace bigmac
