// The sections of report.html. Private to the report's pages.
#pragma once

#include <optional>
#include <string>

#include "bigmac/report/html.h"
#include "palette.h"
#include "svg.h"

namespace bigmac::html {

/// What every section reads.
struct Page {
  const HtmlReport& report;
  const ScheduleFile& file;
  const Outcome& outcome;
  Palette palette;
};

// Charts over time share their margins, so that they line up.
inline constexpr double kWidth = 1240, kLeft = 58, kRight = 1184;

/// Bytes of one GPU of a rank at its fullest: what stays plus the highest activations.
Bytes rank_total(const Page& page, std::uint32_t rank);
std::uint32_t fullest_rank(const Page& page);
/// The limit the job states, or what the GPU has.
std::optional<Bytes> memory_limit(const Page& page);

/// What the report and the schedule's builder noted, each once.
std::vector<std::string> assumptions(const Page& page);

std::string style_sheet(const Palette& palette);
std::string headline(const Page& page);
std::string front_section(const Page& page);
std::string timeline_section(const Page& page);
/// The boxes of one rank's operations within x, in a row `height` high: a rectangle each, merged where they are
/// narrower than half a pixel and alike, with titles where a pointer can hit them and microbatches where they fit.
std::string row_boxes(const Page& page, std::uint32_t rank, const Scale& x, double height);
std::string memory_section(const Page& page);
std::string plans_section(const Page& page);
std::string ranks_section(const Page& page);
/// Makes the columns of `table.sort` clickable; the page is complete without it.
std::string sorting_script();

}  // namespace bigmac::html
