// Time against how many encoder microbatches a rank may hold: hybrid at every limit, the other schedules beside it.
#pragma once

#include <string>

#include "bigmac/planner/study.h"
#include "bigmac/report/frontier.h"

namespace bigmac {

/// Hybrid over `base` (empty: the default) at the limits 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, ... up to the first that does
/// not bind, then without one; and every other schedule that takes the pipeline and places encoders, once. A job with a
/// model is studied under its fastest plan for hybrid. Hybrid there also gives time for memory in other ways:
/// weights of encoders and generators sharded over a node, encoders cut into stages over ranks, and encoders that
/// run again, as far as the job leaves that open. Where another schedule holds less than any hybrid that is as fast,
/// hybrid is asked to keep within what that one holds. Throws what study_job() throws, and Error{bad_input} for a job
/// without an encoder.
Frontier live_limit_frontier(Job job, const std::string& base, int threads);

}  // namespace bigmac
