// Schedule files written by hand, one short line per rank, for tests.
#pragma once

#include <string>
#include <vector>

namespace bigmac::oracle {

/// A bigmac.schedule/1 text, without times and result, of the abstract job `job` and one line of
/// operations per rank, in the notation of the field:
///
///   F1:3        forward of chunk 1, microbatch 3 (B, I, W and R alike)
///   F1:0-3,6    the same for microbatches 0 1 2 3 6
///   F1@5:3      forward of chunk 1, which holds stage 5; F@5:3 leaves the chunk out
///   Ef0 Eb0     encoder forward and backward of microbatch 0 (Ei, Ew, Er too); Gf0 Gb0 generator
///   vision.F0   forward of module "vision", microbatch 0
///   Ef0#1/2     part 1 of 2
///
/// Throws std::exception on anything else.
std::string tiny_schedule(const std::string& job, const std::vector<std::string>& ranks);

/// The job text: {"ranks":..} and the inside of "costs_ns", for instance R"("llm": {"F": 1, "B": 2})".
std::string tiny_job(int ranks, int chunks, int microbatches, const std::string& costs);

}  // namespace bigmac::oracle
