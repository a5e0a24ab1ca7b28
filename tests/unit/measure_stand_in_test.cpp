// The CUDA side of the measurement on a stand-in GPU that computes: operands lie where they should, products are the
// products that their names say, attention is attention.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "bigmac/base/error.h"
#include "profiler/measure/cuda_timer.h"
#include "stand_ins/fake_gpu.h"

namespace bigmac {
namespace {

using cuda::Address;
using test::bf16_at;
using test::fake_gpu;
using test::fp32_at;

class MeasureStandIn : public testing::Test {
 protected:
  void SetUp() override {
    test::reset_fake_gpu();
    device_ = cuda::make_device(test::fake_driver(), test::fake_blas(), test::fake_nvrtc(), 0);
  }
  void TearDown() override { EXPECT_EQ(fake_gpu().faults, 0); }

  /// Runs a case once; what was in memory before, and where operand i of `sizes` (bytes) begins.
  std::vector<Address> run(const KernelCase& kernel, const std::vector<std::int64_t>& sizes) {
    device_.timer->run_ns(kernel, 1);
    std::vector<Address> places;
    auto next = reinterpret_cast<Address>(fake_gpu().memory.data());
    for (const std::int64_t bytes : sizes) {
      places.push_back(next);
      next += (static_cast<std::uint64_t>(bytes) + 256) / 256 * 256;
    }
    return places;
  }

  CudaDevice device_;
};

/// Sum over k of f(k).
double sum(std::int64_t count, const std::function<double(std::int64_t)>& f) {
  double out = 0;
  for (std::int64_t i = 0; i < count; ++i) out += f(i);
  return out;
}
double at(Address matrix, std::int64_t columns, std::int64_t row, std::int64_t column) {
  return static_cast<double>(bf16_at(matrix, static_cast<std::size_t>(row * columns + column)));
}

constexpr double kBf16Error = 1.0 / 128;
void expect_near(double got, double wanted) { EXPECT_NEAR(got, wanted, kBf16Error * std::max(1.0, std::abs(wanted))); }

TEST_F(MeasureStandIn, AProductIsXTimesWTransposedForEveryExpert) {
  const std::int64_t m = 5, n = 7, k = 3, batch = 2;
  const auto p =
      run({KernelKind::product, m, n, k, batch, false}, {2 * n * k * batch, 2 * m * k * batch, 2 * m * n * batch});
  for (std::int64_t e = 0; e < batch; ++e) {
    const Address w = p[0] + static_cast<Address>(2 * e * n * k), x = p[1] + static_cast<Address>(2 * e * m * k),
                  y = p[2] + static_cast<Address>(2 * e * m * n);
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        expect_near(at(y, n, i, j), sum(k, [&](auto l) { return at(x, k, i, l) * at(w, k, j, l); }));
  }
}

TEST_F(MeasureStandIn, TheInputGradientIsDyTimesW) {
  const std::int64_t rows = 5, in = 4, out = 6;
  const auto p =
      run({KernelKind::input_gradient, rows, in, out, 1, false}, {2 * in * out, 2 * rows * out, 2 * rows * in});
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < in; ++j)
      expect_near(at(p[2], in, i, j), sum(out, [&](auto o) { return at(p[1], out, i, o) * at(p[0], in, o, j); }));
}

TEST_F(MeasureStandIn, TheWeightGradientIsAddedInFp32) {
  const std::int64_t rows = 5, in = 4, out = 3;
  const KernelCase kernel{KernelKind::weight_gradient, in, out, rows, 1, false};
  const auto p = run(kernel, {2 * rows * in, 2 * rows * out, 4 * in * out});
  std::vector<float> before;
  for (std::int64_t i = 0; i < in * out; ++i) before.push_back(fp32_at(p[2], static_cast<std::size_t>(i)));
  device_.timer->run_ns(kernel, 1);
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i) {
      const auto place = static_cast<std::size_t>(o * in + i);
      const double added = sum(rows, [&](auto r) { return at(p[1], out, r, o) * at(p[0], in, r, i); });
      EXPECT_NEAR(fp32_at(p[2], place) - before[place], added, 1e-3);
    }
}

TEST_F(MeasureStandIn, AttentionIsSoftmaxOfScoresTimesValuesAndCausal) {
  const std::int64_t m = 6, k = 4, heads = 2;
  const auto p = run({KernelKind::attention, m, m, k, heads, true},
                     {2 * heads * m * k, 2 * heads * m * k, 2 * heads * m * k, 2 * heads * m * k, 2 * heads * m * m});
  const Address head = static_cast<Address>(2 * m * k);  // of the second
  const Address q = p[0] + head, key = p[1] + head, v = p[2] + head, o = p[3] + head;
  for (std::int64_t i = 0; i < m; ++i) {
    const auto weight = [&](std::int64_t j) {
      return std::exp(sum(k, [&](auto l) { return at(q, k, i, l) * at(key, k, j, l); }));
    };
    const double total = sum(i + 1, weight);
    for (std::int64_t c = 0; c < k; ++c) {
      const double wanted = sum(i + 1, [&](auto j) { return weight(j) / total * at(v, k, j, c); });
      EXPECT_NEAR(at(o, k, i, c), wanted, 0.03);
    }
  }
  EXPECT_EQ(fake_gpu().products, 2);
}

TEST_F(MeasureStandIn, AttentionsGradientsAreThoseOfItsFiveMatrices) {
  const std::int64_t m = 5, k = 3;
  const KernelCase kernel{KernelKind::attention_gradient, m, m, k, 1, false};
  const std::int64_t wide = 2 * m * k, square = 2 * m * m;
  const auto p = run(kernel, {wide, wide, wide, wide, square, wide, wide, wide, square});
  const Address q = p[0], key = p[1], v = p[2], d_o = p[3], prob = p[4], dq = p[5], dk = p[6], dv = p[7], ds = p[8];
  const auto dp = [&](auto i, auto j) { return sum(k, [&](auto c) { return at(d_o, k, i, c) * at(v, k, j, c); }); };
  for (std::int64_t i = 0; i < m; ++i) {
    const double mean = sum(m, [&](auto j) { return at(prob, m, i, j) * dp(i, j); });
    for (std::int64_t j = 0; j < m; ++j) EXPECT_NEAR(at(ds, m, i, j), at(prob, m, i, j) * (dp(i, j) - mean), 0.06);
    for (std::int64_t c = 0; c < k; ++c) {
      expect_near(at(dq, k, i, c), sum(m, [&](auto j) { return at(ds, m, i, j) * at(key, k, j, c); }));
      expect_near(at(dk, k, i, c), sum(m, [&](auto j) { return at(ds, m, j, i) * at(q, k, j, c); }));
      expect_near(at(dv, k, i, c), sum(m, [&](auto j) { return at(prob, m, j, i) * at(d_o, k, j, c); }));
    }
  }
  EXPECT_EQ(fake_gpu().products, 4);
}

TEST_F(MeasureStandIn, EveryKindRunsInsideItsMemoryAndIsTimedByItsKernels) {
  const KernelCase cases[] = {{KernelKind::norm, 7, 0, 64, 1, false},
                              {KernelKind::norm_gradient, 7, 0, 64, 1, false},
                              {KernelKind::stream, 0, 0, 48 * 1000 + 17, 1, false},
                              {KernelKind::stream, 0, 0, 1, 1, false}};
  for (const KernelCase& kernel : cases) {
    EXPECT_NEAR(device_.timer->run_ns(kernel, 3), 3000, 1) << name(kernel.kind);  // the stand-in takes 1 us a kernel
    EXPECT_NEAR(device_.timer->run_ns(kernel, 5), 5000, 1);
  }
  EXPECT_NEAR(device_.timer->run_ns({KernelKind::attention, 8, 8, 8, 1, true}, 2), 2 * 3000, 1);
  EXPECT_NEAR(device_.timer->run_ns({KernelKind::attention_gradient, 8, 8, 8, 1, true}, 2), 2 * 5000, 1);
}

TEST_F(MeasureStandIn, ADeviceThatIsNotThereIsRefused) {
  EXPECT_THROW(cuda::make_device(test::fake_driver(), test::fake_blas(), test::fake_nvrtc(), 1), Error);
  cuda::Driver broken = test::fake_driver();
  broken.init = [](unsigned) { return 100; };
  try {
    cuda::make_device(broken, test::fake_blas(), test::fake_nvrtc(), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("cuInit: FAKE_ERROR (100)"), std::string::npos);
  }
}

}  // namespace
}  // namespace bigmac
