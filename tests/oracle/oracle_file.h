// The oracle's own reading of a schedule file: the embedded job's costs, and the operations.
//
// Internal to the oracle. Every cost is looked up in the JSON each time it is asked for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

namespace bigmac::oracle {

/// Whatever makes a schedule invalid; caught by retime().
struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What an operation computes: module, LLM stage (0 for the others), microbatch, and F B I W or R.
struct Work {
  std::string module;
  int stage = 0;
  int microbatch = 0;
  char op = 'F';

  friend bool operator<(const Work& a, const Work& b) {
    return std::tie(a.module, a.stage, a.microbatch, a.op) < std::tie(b.module, b.stage, b.microbatch, b.op);
  }
};

/// "B of llm stage 3 microbatch 0".
std::string name(const Work& work);

/// One entry of the file's "ops": a work, or one of its parts.
struct Op {
  Work work;
  int part = 0;
  int parts = 1;
  int rank = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  bool timed = false;
};

struct Job {
  int ranks = 0;
  int chunks = 0;
  int microbatches = 0;
  std::vector<std::string> encoders;
  std::vector<std::string> generators;
  std::map<std::string, int> encoder_stages;  ///< of encoders cut into stages
  nlohmann::json costs;                       ///< "costs_ns" as it stands

  int stages() const { return ranks * chunks; }
  int stages_of(const std::string& module) const {
    if (module == "llm") return stages();
    const auto cut = encoder_stages.find(module);
    return cut == encoder_stages.end() ? 1 : cut->second;
  }
  /// Nanoseconds that a work takes, with the contract's defaults.
  std::int64_t duration(const Work& work) const;
  std::int64_t activation_bytes(const Work& work) const { return number(work, "activation_bytes").value_or(0); }
  std::int64_t transfer(const Work& work) const { return number(work, "transfer").value_or(0); }

 private:
  std::optional<std::int64_t> number(const Work& work, const std::string& key) const;
};

struct File {
  Job job;
  std::vector<std::vector<Op>> ranks;  ///< by rank number, each in file order
};

/// Throws Problem or nlohmann::json::exception.
File read_file(const std::string& schedule_json);

}  // namespace bigmac::oracle
