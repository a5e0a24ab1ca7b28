// What the interactive report.html reads: one JSON document, small ones as they are, large ones gzipped. Private to the
// report's pages.
//
//   {"title", "generator", "memory_limit", "facts", "notes",
//    "plans": [{"plan", "schedule", "step", "memory", "mfu", "bubble", "bound_by", "place", "front", "drawing"}],
//    "drawings": [...]}                      by drawing_json (report/html.h)
//
// "place" counts the ranking from 0, null where a plan is on the front only; "drawing" is an index, null where the
// plan's schedule was left out.
#pragma once

#include <string>

#include "bigmac/report/html.h"
#include "html_parts.h"

namespace bigmac::html {

/// The document's text.
std::string report_data(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome);

/// `<script id="data">` with the document in it; over 64 kB it is gzipped and written in base64.
std::string data_element(const std::string& document);

/// The page that web/ builds, with `<!--bigmac-title-->` and `<!--bigmac-data-->` where these go; empty where the
/// project was built without Node.
const std::string& page_template();

}  // namespace bigmac::html
