#include "oracle/tiny_schedule.h"

#include <cctype>
#include <regex>
#include <sstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace bigmac::oracle {
namespace {

using Json = nlohmann::ordered_json;

// module, op, chunk, stage, microbatches, part, parts
const char* const kNotation =
    R"((?:(\w+)\.|([EG])(?=[a-z]))?([FBIWRfbiwr])(?:(\d+)?(?:@(\d+))?:)?(\d+(?:[-,]\d+)*)(?:#(\d+)/(\d+))?)";

/// "0-3,6" -> 0 1 2 3 6
std::vector<int> microbatches(const std::string& text) {
  std::vector<int> all;
  std::istringstream pieces(text);
  for (std::string piece; std::getline(pieces, piece, ',');) {
    const auto dash = piece.find('-');
    const int first = std::stoi(piece);
    const int last = dash == std::string::npos ? first : std::stoi(piece.substr(dash + 1));
    for (int i = first; i <= last; ++i) all.push_back(i);
  }
  return all;
}

std::string module_of(const std::smatch& match) {
  if (match[1].matched) return match[1];
  if (match[2].matched) return match[2] == "E" ? "encoder" : "generator";
  return "llm";
}

void append(const std::string& token, Json& ops) {
  static const std::regex notation(kNotation);
  std::smatch match;
  if (!std::regex_match(token, match, notation)) throw std::invalid_argument("not an operation: " + token);
  for (const int microbatch : microbatches(match[6])) {
    Json op;
    const std::string kind = match[3];
    op["op"] = std::string(1, static_cast<char>(std::toupper(static_cast<unsigned char>(kind[0]))));
    op["module"] = module_of(match);
    if (match[4].matched) op["chunk"] = std::stoi(match[4]);
    if (match[5].matched) op["stage"] = std::stoi(match[5]);
    op["microbatch"] = microbatch;
    if (match[7].matched) op["part"] = std::stoi(match[7]);
    if (match[8].matched) op["parts"] = std::stoi(match[8]);
    ops.push_back(op);
  }
}

}  // namespace

std::string tiny_schedule(const std::string& job, const std::vector<std::string>& ranks) {
  Json file;
  file["schema"] = "bigmac.schedule/1";
  file["generator"] = {{"name", "hand"}, {"version", "0"}};
  file["schedule"] = {{"name", "hand"}};
  file["pipeline"] = Json::parse(job).at("pipeline");
  file["ranks"] = Json::array();
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    Json ops = Json::array();
    std::istringstream tokens(ranks[rank]);
    for (std::string token; tokens >> token;) append(token, ops);
    file["ranks"].push_back({{"rank", rank}, {"ops", ops}});
  }
  file["job"] = Json::parse(job);
  return file.dump(1) + "\n";
}

std::string tiny_job(int ranks, int chunks, int microbatches, const std::string& costs) {
  Json job;
  job["schema"] = "bigmac.job/1";
  job["pipeline"] = {{"ranks", ranks}, {"chunks", chunks}, {"microbatches", microbatches}};
  job["costs_ns"] = Json::parse("{" + costs + "}");
  return job.dump();
}

}  // namespace bigmac::oracle
