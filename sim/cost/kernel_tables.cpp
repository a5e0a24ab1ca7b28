#include "bigmac/cost/kernel_tables.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <zlib.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

struct Row {
  std::string where;
  std::vector<std::string> cells;
};

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == ',') {
      cells.emplace_back();
    } else if (c != '\r' && c != '\n') {
      cells.back() += c;
    }
  }
  return cells;
}

/// All rows below the header, which must read `header`. gzopen reads plain files too.
std::vector<Row> read_rows(const std::string& path, const std::string& header) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) bad_input(path, std::strerror(errno));
  const std::size_t columns = split(header).size();
  std::vector<Row> rows;
  std::array<char, 512> buffer{};
  for (int line = 1; gzgets(file.get(), buffer.data(), static_cast<int>(buffer.size())) != nullptr; ++line) {
    Row row{path + ":" + std::to_string(line), split(buffer.data())};
    if (row.cells.size() != columns) bad_input(row.where, "expected the columns " + header);
    if (line > 1) rows.push_back(std::move(row));
    else if (row.cells != split(header)) bad_input(row.where, "expected the header " + header);
  }
  return rows;
}

double number(const Row& row, std::size_t column) {
  const std::string& cell = row.cells[column];
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  if (cell.empty() || *end != '\0' || !(value > 0) || !std::isfinite(value)) {
    bad_input(row.where, "'" + cell + "' is not a positive number");
  }
  return value;
}

Collective collective_of(const Row& row) {
  const std::string& cell = row.cells[0];
  for (const Collective c :
       {Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter, Collective::all_to_all}) {
    if (cell == name(c)) return c;
  }
  if (cell == "alltoall") return Collective::all_to_all;
  bad_input(row.where, unknown_name("collective", cell, {"all_gather", "all_reduce", "alltoall", "reduce_scatter"}));
}

/// FNV-1a over whole numbers, finished as in splitmix64; the lowest bit decides.
bool odd_hash(std::initializer_list<double> values) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const double value : values) hash = (hash ^ static_cast<std::uint64_t>(value)) * 0x100000001b3;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  return ((hash ^ (hash >> 27)) >> 17) % 2 == 1;
}

}  // namespace

std::vector<MeasuredGemm> read_gemm_table(const std::string& path) {
  std::vector<MeasuredGemm> table;
  for (const Row& row : read_rows(path, "m,n,k,latency_us")) {
    table.push_back({number(row, 0), number(row, 1), number(row, 2), number(row, 3)});
  }
  return table;
}

std::vector<MeasuredAttention> read_attention_table(const std::string& path) {
  std::vector<MeasuredAttention> table;
  for (const Row& row : read_rows(path, "batch,sequence,heads,kv_heads,head_dim,latency_us")) {
    AttentionShape shape;
    shape.batch = number(row, 0);
    shape.sequence = number(row, 1);
    shape.heads = number(row, 2);
    shape.kv_heads = number(row, 3);
    shape.qk_dim = shape.v_dim = number(row, 4);
    table.push_back({shape, number(row, 5)});
  }
  return table;
}

std::vector<MeasuredCollective> read_collective_table(const std::string& path) {
  std::vector<MeasuredCollective> table;
  for (const Row& row : read_rows(path, "operation,gpus,bytes,latency_us")) {
    table.push_back({collective_of(row), static_cast<int>(number(row, 1)), number(row, 2), number(row, 3)});
  }
  return table;
}

bool held_out(const MeasuredGemm& row) { return odd_hash({row.m, row.n, row.k}); }
bool held_out(const MeasuredAttention& row) {
  const AttentionShape& s = row.shape;
  return odd_hash({s.batch, s.sequence, s.heads, s.kv_heads, s.qk_dim});
}
bool held_out(const MeasuredCollective& row) { return (std::ilogb(row.bytes) + std::ilogb(row.gpus)) % 2 != 0; }

double flops(const MeasuredGemm& row) { return 2 * row.m * row.n * row.k; }
double flops(const MeasuredAttention& row) {
  const AttentionShape& s = row.shape;
  return 2 * s.batch * s.heads * s.sequence * s.sequence * s.qk_dim;
}

ErrorSummary summarise(std::vector<double> errors) {
  if (errors.empty()) return {};
  std::sort(errors.begin(), errors.end());
  const auto at = [&](double share) {
    return errors[static_cast<std::size_t>(share * static_cast<double>(errors.size() - 1))];
  };
  return {static_cast<int>(errors.size()), at(0.5), at(0.95)};
}

}  // namespace bigmac
