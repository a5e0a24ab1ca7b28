// Measured kernels, for fitting and testing the formulas of cost/kernels.h.
//
// Reads the CSV tables (optionally gzipped) that bigmac-fit-kernels takes; says which rows are held
// out, and summarises relative errors. Not used when a plan is evaluated.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bigmac/cost/kernels.h"

namespace bigmac {

struct MeasuredGemm {
  double m, n, k, us;
};
struct MeasuredAttention {
  AttentionShape shape;
  double us;
};
struct MeasuredCollective {
  Collective collective;
  int gpus;
  double bytes, us;
};

/// Columns m,n,k,latency_us. All three throw Error{bad_input} with file and line.
std::vector<MeasuredGemm> read_gemm_table(const std::string& path);
/// Columns batch,sequence,heads,kv_heads,head_dim,latency_us; causal forward.
std::vector<MeasuredAttention> read_attention_table(const std::string& path);
/// Columns operation,gpus,bytes,latency_us.
std::vector<MeasuredCollective> read_collective_table(const std::string& path);

/// Half of all shapes, by a fixed hash of the shape: the fit never sees them.
bool held_out(const MeasuredGemm& row);
bool held_out(const MeasuredAttention& row);
/// These tables are short (three group sizes, 21 message sizes): every other message size, the
/// other ones for every other group size, so that both halves cover the whole range.
bool held_out(const MeasuredCollective& row);

double flops(const MeasuredGemm& row);
double flops(const MeasuredAttention& row);

/// |predicted / measured - 1| over the rows given.
struct ErrorSummary {
  int rows = 0;
  double median = 0;
  double p95 = 0;
};
ErrorSummary summarise(std::vector<double> errors);

}  // namespace bigmac
