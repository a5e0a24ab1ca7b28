// A second opinion: re-times and re-accounts a schedule file from the written contract alone.
//
// Takes the text of a bigmac.schedule/1 file, which embeds its whole job, and answers what the
// timing rule and the memory rule say about it. Shares no code with the simulator: it parses the
// JSON itself, finds operations in plain maps, and scans everything again and again until nothing
// changes. Slow and obvious on purpose; meant for files of up to about 20 000 operations.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bigmac::oracle {

struct OracleOp {
  std::int64_t start = 0;  ///< ns
  std::int64_t end = 0;    ///< ns

  friend bool operator==(const OracleOp&, const OracleOp&) = default;
};

struct OracleRank {
  std::vector<OracleOp> ops;  ///< in the order of the file
  std::int64_t busy_ns = 0;
  std::int64_t peak_activation_bytes = 0;
  /// Most intervals [start of F, end of backward) held at once; those of zero length do not count.
  int live_encoder = 0;                       ///< over all encoders together
  int live_generator = 0;                     ///< over all generators together
  int live_llm_chunks = 0;                    ///< a microbatch held in two chunks counts twice
  std::map<std::string, int> live_by_module;  ///< the same for each encoder and generator alone
};

struct OracleResult {
  bool valid = false;
  std::string problem;  ///< empty when valid; otherwise all numbers below are meaningless
  std::int64_t iteration_ns = 0;
  std::vector<OracleRank> ranks;  ///< by rank number, whatever their order in the file
};

/// Never throws: whatever is wrong, malformed JSON included, is `valid == false` and a `problem`.
/// The start_ns, end_ns and "result" that the file states are not looked at.
OracleResult retime(const std::string& schedule_json);

}  // namespace bigmac::oracle
