// The measurement's CUDA kernels, as NVRTC is given them, against their definitions. Built by
// tests/cli/cuda_kernels_test.sh, which puts the kernels' text into kernels.inc.
#include "cuda_on_cpu.h"

using std::fmaxf;
#include "kernels.inc"

#include <cstdio>
#include <cstdlib>

namespace {

int failures = 0;
void near(const char* what, double got, double wanted, double error) {
  if (std::abs(got - wanted) <= error) return;
  ++failures;
  std::printf("FAIL: %s: %g, expected %g\n", what, got, wanted);
}

std::vector<bf16> numbers(std::size_t n, unsigned seed) {
  std::vector<bf16> out(n);
  launch(2, 32, [&] { fill(out.data(), n, seed); });
  return out;
}
double at(const std::vector<bf16>& x, std::size_t i) { return static_cast<double>(value(x[i])); }

void fill_is_roughly_normal() {
  const auto x = numbers(20000, 1);
  double mean = 0, square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mean += at(x, i) / 20000, square += at(x, i) * at(x, i) / 20000;
  near("mean", mean, 0, 0.03);
  near("variance", square, 1, 0.05);
}

void stream_adds() {
  const auto x = numbers(808, 1), y = numbers(808, 2);
  std::vector<bf16> z(808);
  const auto vectors = [](const auto& v) { return reinterpret_cast<const uint4*>(v.data()); };
  launch(2, 32, [&] { stream(reinterpret_cast<uint4*>(z.data()), vectors(x), vectors(y), 101); });
  for (std::size_t i = 0; i < z.size(); ++i) near("stream", at(z, i), at(x, i) + at(y, i), 0.02);
}

void norms(unsigned width) {
  const unsigned rows = 3;
  const auto x = numbers(rows * width, 1), dy = numbers(rows * width, 2), w = numbers(width, 3);
  std::vector<bf16> y(rows * width), dx(rows * width);
  launch(rows, 64, [&] { norm_forward(y.data(), x.data(), w.data(), width); });
  launch(rows, 64, [&] { norm_backward(dx.data(), x.data(), dy.data(), w.data(), width); });
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t o = r * width;
    double squares = 0, mean = 0;
    for (std::size_t i = 0; i < width; ++i) squares += at(x, o + i) * at(x, o + i) / width;
    const double scale = 1 / std::sqrt(squares + 1e-6);
    for (std::size_t i = 0; i < width; ++i) mean += at(w, i) * at(dy, o + i) * at(x, o + i) * scale / width;
    for (std::size_t i = 0; i < width; ++i) {
      near("norm", at(y, o + i), at(x, o + i) * scale * at(w, i), 0.03);
      near("norm gradient", at(dx, o + i), scale * (at(w, i) * at(dy, o + i) - at(x, o + i) * scale * mean), 0.05);
    }
  }
}

void softmaxes(int causal) {
  const unsigned m = 5, n = 70, rows = 2 * m;
  const auto scores = numbers(rows * n, 4), upstream = numbers(rows * n, 5);
  auto p = scores, ds = upstream;
  launch(rows, 64, [&] { softmax_forward(p.data(), n, m, causal); });
  launch(rows, 64, [&] { softmax_backward(ds.data(), p.data(), n); });
  for (std::size_t r = 0; r < rows; ++r) {
    const std::size_t o = r * n, seen = causal ? r % m + n - m + 1 : n;
    double total = 0, mean = 0;
    for (std::size_t i = 0; i < seen; ++i) total += std::exp(at(scores, o + i));
    for (std::size_t i = 0; i < n; ++i) {
      near("softmax", at(p, o + i), i < seen ? std::exp(at(scores, o + i)) / total : 0, 0.002);
      mean += at(p, o + i) * at(upstream, o + i);
    }
    for (std::size_t i = 0; i < n; ++i)
      near("softmax gradient", at(ds, o + i), at(p, o + i) * (at(upstream, o + i) - mean), 0.005);
  }
}

}  // namespace

int main() {
  fill_is_roughly_normal();
  stream_adds();
  norms(200);
  norms(33);
  softmaxes(0);
  softmaxes(1);
  std::puts(failures == 0 ? "kernels agree with their definitions" : "kernels disagree");
  return failures == 0 ? 0 : 1;
}
