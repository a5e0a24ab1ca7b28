// A schedule's timeline as Chrome trace JSON, gzipped, for Perfetto (ui.perfetto.dev).
#pragma once

#include <string>

#include "bigmac/report/outcome.h"

namespace bigmac {

/// One process per rank with a compute lane and a memory counter. Slices are named F, B, I, W, R with the module in
/// front ("encoder F") so that Perfetto colours by kind; the microbatch and stage are arguments. Arrows follow each
/// transfer between ranks.
std::string chrome_trace(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule,
                         const Outcome& outcome);

/// gzip of `text`, level 6, with no time stamp: the same bytes for the same text.
std::string gzipped(const std::string& text);

}  // namespace bigmac
