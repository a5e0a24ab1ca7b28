#include <algorithm>
#include <cstdlib>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/attribution.h"
#include "bigmac/profiler/byte_source.h"
#include "layer_rules.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxSum = std::int64_t{1} << 61;

/// Sums over the forward passes of one row.
struct Sums {
  std::int64_t passes = 0, saved = 0, transient = 0;
};

void check_header(const JsonReader& header) {
  if (header.at("schema").string() != "bigmac.memory/1") header.at("schema").fail("expected 'bigmac.memory/1'");
}

void add_pass(const JsonReader& pass, Sums& sums) {
  const auto bytes = [&](const char* key) { return pass.at(key).integer(0, kMaxBytes.value); };
  const std::int64_t before = bytes("before"), after = bytes("after"), peak = bytes("peak");
  if (std::abs(sums.saved) > kMaxSum || sums.transient > kMaxSum) pass.fail("sums of more than 2^61 bytes");
  ++sums.passes;
  sums.saved += after - before;
  sums.transient += std::max<std::int64_t>(0, peak - std::max(before, after));
}

LayerRow* row_of(std::vector<LayerRow>& rows, const LayerRule& rule) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const LayerRow& row) {
    return row.module == rule.module && row.kind == rule.kind;
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

void add_layer_memory(const std::string& text, const std::string& file, const std::vector<LayerRule>& rules,
                      std::vector<LayerRow>& rows) {
  const LayerMatcher matches(rules);
  std::vector<Sums> sums(rows.size());
  bool has_header = false;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string where = at_byte(file, from), line = text.substr(from, end - from);
    from = end + 1;
    if (line.empty()) continue;
    const Json value = parse_json(line, where);
    const JsonReader reader(value, where);
    if (!has_header) check_header(reader);
    else if (reader.has("phase") && reader.at("phase").string() == "forward") {
      const std::uint8_t rule = matches(reader.at("layer").string());
      LayerRow* row = rule == 0 ? nullptr : row_of(rows, rules[rule - 1U]);
      if (row != nullptr) add_pass(reader, sums[static_cast<std::size_t>(row - rows.data())]);
    }
    has_header = true;
  }
  if (!has_header) bad_input(at_byte(file, 0), "expected a header line with schema 'bigmac.memory/1'");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (sums[row].passes == 0) continue;
    rows[row].memory_instances = static_cast<std::size_t>(sums[row].passes);
    rows[row].saved = Bytes{sums[row].saved / sums[row].passes};
    rows[row].transient = Bytes{sums[row].transient / sums[row].passes};
  }
}

}  // namespace bigmac
