// Optimus: encoder work in the bubbles of the LLM pipeline (arXiv 2408.03505, USENIX ATC '25).
//
// Idea: encoder and LLM have plans of their own, every rank holds a shard of both, and encoder operations
// go where the LLM's fixed schedule leaves the rank idle. Mostly each rank is an encoder pipeline of one stage (PP_enc
// = 1, TP_enc as the costs say), so P of them serve one LLM pipeline and share its N microbatches: round robin, and
// where costs differ also levelled by load and moved between ranks (optimus_owners.h).
//   coarse         all encoder forwards before the LLM's operations, all backwards after; what does not fit lengthens
//                  the step. This is what `upfront` runs.
//   greedy         whole microbatches of the critical rank moved between LLM operations: optimus_greedy.h
//   minimal shift  derived: forwards as late as F_i, backwards as soon as B_i allows: optimus_packing.h
// Every candidate is timed by the schedule room's own recurrence, on the LLM order as given and with the deferred
// warm-up (optimus_bubbles.h); the shortest wins, then the one that holds the fewest microbatches. So minimal shift is
// never longer than greedy, and greedy never than coarse.
//
//   4 ranks, V = 1, M = 8, tF = 1, tB = 2, encoder 2 and 4 (digit: LLM; + encoder forward, = backward): 40, bound 39
//   0  ++0123++....00411522633744=55=66=77=====
//   1  ++.012++..00311422533644755=66=77======.
//   2  ++..01++00211322433544655766=77=======..
//   3  ++++.000111222333444555666777====..====.
//
// Departures. Checks are per microbatch (the paper's sorted EB_i >= B_i lets a backward precede its own B_i). Owners
// are searched locally, not enumerated.
//
// Encoders of S stages (PP_enc = S): P/S encoder pipelines of consecutive ranks take the place of ranks, packed from
// the last stage to the first (optimus_packing.h). With stage s on the s-th rank a pipeline over all ranks ends on the
// last one, which 1F1B leaves no bubble once it has begun, and nothing beats coarse; so minimal shift also tries the
// first one, two, or S-1 stages on the last ranks (op_makers.h).
//
// TP bubbles, where the costs know of any, are filled as schedule/rides.h says: kernels of an encoder inside LLM
// operations, which last no longer; candidates without stay in, so filling never costs time. Without them bubbles do
// not grow with N (transfers aside): what does not fit waits outside the LLM's window, and live encoder microbatches
// grow with N/P.
#include <fmt/format.h>

#include "assemble.h"
#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/rides.h"
#include "optimus_search.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMinimalShift = 2;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

}  // namespace

Schedule build_optimus(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  const auto asked = request.parameters.find("packing");
  const std::int64_t packing = asked == request.parameters.end() ? kMinimalShift : asked->second;
  if (packing == static_cast<std::int64_t>(Effort::greedy) && pipeline.microbatches > kMostGreedyMicrobatches)
    bad_input("--set packing",
              fmt::format("the greedy repacks a rank for every move and takes at most {} microbatches, "
                          "found {}; use 2",
                          kMostGreedyMicrobatches, pipeline.microbatches));
  RankOrders llm = llm_orders(find_llm_base(request.base), {pipeline, request.costs, 0});
  const auto waits = request.parameters.find("tensor_waits");
  const bool in_waits = waits == request.parameters.end() || waits->second != 0;
  OptimusResult result =
      search_optimus(pipeline, request.costs, std::move(llm), static_cast<Effort>(packing), in_waits);
  Schedule schedule = assemble_orders(result.orders);
  schedule.rides = std::move(result.rides);
  schedule.parameters["packing"] = packing;
  if (!request.costs.rides.empty()) schedule.parameters["tensor_waits"] = in_waits ? 1 : 0;
  if (pipeline.encoders.empty()) return schedule;
  const RidingWork work = riding_work(pipeline, request.costs, schedule);
  const double riding =
      work.all.value > 0 ? static_cast<double>(work.riding.value) / static_cast<double>(work.all.value) : 0;
  // share is of what does not ride.
  std::string shares = fmt::format("encoder compute in the LLM's bubbles: {} placed coarsely, {} as built",
                                   percent(result.coarse_share), percent(result.share * (1 - riding)));
  if (!request.costs.rides.empty()) shares += fmt::format(", and {} in its tensor-parallel waits", percent(riding));
  schedule.notes.push_back(shares);
  schedule.notes.push_back("chosen: " + result.how);
  return schedule;
}

}  // namespace bigmac
