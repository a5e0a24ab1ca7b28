// One matrix product: the best of several tile shapes and splits of k.
//
// A kernel cuts the m x n result into tiles and k into `split` parts; each multiprocessor works off
// its share of the blocks, round after round (wave quantisation as in NVIDIA's "Matrix Multiplication
// Background"; tiles and splits as in CUTLASS). Inside a block the arithmetic and the fetching of
// operands compete; below all of it lies the memory roofline (Williams 2009).
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bigmac/cost/kernels.h"
#include "kernel_parts.h"

namespace bigmac {
namespace {

struct Tile {
  double m, n;
};
// clang-format off
constexpr std::array<Tile, 11> kTiles{{{256, 128}, {128, 256}, {128, 128}, {256, 64}, {64, 256}, {128, 64}, {64, 128},
                                       {64, 64}, {128, 32}, {64, 32}, {32, 64}}};
// clang-format on
constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kLargestTile = 256 * 128;
constexpr std::array<double, 5> kSplits{1, 2, 4, 8, 16};

struct Product {
  double m, n, k, batch;
};

/// Operands of a small product stay in the L2 cache, those of a large one come from memory; between
/// the two the rates are mixed, half and half at a footprint of cache_mb.
double memory_us(const Gpu& gpu, const Product& p) {
  const double bytes = 2 * p.batch * (p.m * p.k + p.k * p.n + p.m * p.n);
  const double fill = bytes / (gpu.gemm.cache_mb * 1e6);
  const double missed = fill * fill / (1 + fill * fill);
  return (1 - missed) * per_us(bytes, gpu.gemm.cache_gbps) + missed * per_us(bytes, gpu.gemm.hbm_share * gpu.hbm_gbps);
}

/// Rounds of blocks, in units of one block's time when its multiprocessor is full. Tiles smaller
/// than the largest share a multiprocessor; with `grouping` 1 such a group takes as long as if full.
double rounds(const GemmFit& fit, const Tile& tile, double load) {
  const double resident = std::max(1.0, kLargestTile / (tile.m * tile.n));
  const double grouped = load <= 1 ? 1 : resident * std::ceil(load / resident);
  const double whole = (1 - fit.grouping) * std::ceil(load) + fit.grouping * grouped;
  return (1 - fit.quantisation) * std::max(1.0, load) + fit.quantisation * whole;
}

/// What splitting k costs: another pass over fp32 partial sums, and a balance over full rounds.
double sums_us(const GemmFit& fit, const Product& p, double split, bool full) {
  if (split <= 1) return 0;
  return fit.split_us + (full ? fit.balance_us : 0) + per_us(4 * split * p.batch * p.m * p.n, fit.cache_gbps);
}

/// Infinite where it is more than `best`: the longer of arithmetic and fetching tells, without joining the two.
double tiles_us(const Gpu& gpu, const Product& p, const Tile& tile, double split, double best) {
  const GemmFit& fit = gpu.gemm;
  const double units = gpu.multiprocessors;
  const double tiles = std::ceil(p.m / tile.m) * std::ceil(p.n / tile.n) * p.batch;
  const double depth = p.k / split;
  const double mma = 2 * tile.m * tile.n * (depth + fit.fill_k) * units / (fit.peak_share * gpu.bf16_tflops * 1e6);
  const double fetch = per_us(2 * (tile.m + tile.n) * depth, fit.operand_gbps);
  const double count = rounds(fit, tile, tiles * split / units), sums = sums_us(fit, p, split, tiles > units);
  if (count * std::max(mma, fetch) + sums > best * (1 + 1e-9)) return kNever;
  return count * join(mma, fetch, fit.overlap) + sums;
}

}  // namespace

double gemm_us(const Gpu& gpu, double m, double n, double k, double batch) {
  if (!(m > 0 && n > 0 && k > 0 && batch > 0)) return 0;
  const Product p{m, n, k, batch};
  double best = kNever;
  for (const Tile& tile : kTiles) {
    for (const double split : kSplits) best = std::min(best, tiles_us(gpu, p, tile, split, best));
  }
  const double busy = join(best, memory_us(gpu, p), gpu.gemm.overlap);
  return gpu.gemm.launch_us + busy * (1 + gpu.gemm.power_loss * std::log2(1 + busy / 100));
}

}  // namespace bigmac
