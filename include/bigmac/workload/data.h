// The data: how many tokens each microbatch brings to each module.
//
// Beside the model and the cluster in the flow; the cost room turns loads into time and memory. Samples are
// packed to one sequence length, so LLM tokens per sample are constant and only encoders and
// generators vary: text fills what image tokens leave.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bigmac/workload/model.h"

namespace bigmac {

/// Integers low .. high, equally likely.
struct UniformDistribution {
  std::int64_t low = 1;
  std::int64_t high = 1;
  std::uint64_t seed = 1;
};

/// exp(N(m, sigma)), m such that `mean` is the mean of the values; rounded, and at least 1.
struct LognormalDistribution {
  double mean = 1;
  double sigma = 0;  ///< of the values' logarithm
  std::uint64_t seed = 1;
};

/// Never empty; starts over at its end.
struct ValueList {
  std::vector<std::int64_t> values;
};

/// A count that is the same every time, drawn, or listed.
using CountSource = std::variant<std::int64_t, UniformDistribution, LognormalDistribution, ValueList>;

/// One listed sample.
struct Sample {
  std::int64_t text_tokens = 0;
  std::vector<std::int64_t> image_tokens;  ///< LLM tokens of each image
};

/// What one encoder is given.
struct ImageSpec {
  std::optional<CountSource> images_per_sample;  ///< absent: one
  /// LLM tokens per image, after merging; absent: those of the encoder's fixed image_side.
  std::optional<CountSource> image_tokens;
};

struct DataSpec {
  std::int64_t sequence_length = 0;                         ///< LLM tokens per sample
  ImageSpec images;                                         ///< for every encoder without a spec of its own
  std::vector<std::pair<std::string, ImageSpec>> encoders;  ///< specs by encoder name
  /// Where not empty, images come from these in turn, each to every encoder; the specs above are not read.
  std::vector<Sample> samples;
  /// Latent patches of the images to generate; absent: one image of 1024 x 1024 pixels.
  std::optional<CountSource> generated_tokens_per_sample;
  /// Tokens that condition the generator beside them.
  CountSource condition_tokens_per_sample = std::int64_t{0};
};

/// What one module works on in one microbatch.
struct ModuleLoad {
  std::int64_t tokens = 0;  ///< entering the tower: patches; generators: latent patches and conditions
  double pairs = 0;         ///< sum over images of tokens^2: query-key pairs, unmasked
  std::int64_t images = 0;
  std::int64_t output_tokens = 0;  ///< handed on: LLM tokens; generators: latent patches
};

struct MicrobatchLoad {
  std::int64_t llm_tokens = 0;
  double llm_attention_pairs = 0;      ///< sum over samples of tokens^2, unmasked: causal kernels do half
  std::int64_t text_tokens = 0;        ///< LLM tokens that are no encoder's
  std::vector<ModuleLoad> encoders;    ///< in the model's order
  std::vector<ModuleLoad> generators;  ///< in the model's order
};

/// Draws the samples of every microbatch in order; equal specs give equal loads on every machine. Images that
/// would exceed the sequence length are cut short or dropped, encoder by encoder, with one note. Throws
/// Error{bad_input} where an encoder takes images of any size and no image_tokens are given, where a named encoder is
/// not the model's, and beyond 2^20 microbatches, 2^22 samples or 2^25 images. `where` names the data in messages.
std::vector<MicrobatchLoad> draw_loads(const DataSpec& data, const Model& model, std::int64_t microbatches,
                                       std::int64_t samples_per_microbatch, std::vector<std::string>& notes,
                                       const std::string& where = "data");

/// Gives every distribution a seed of its own derived from `seed`, in place of the stated ones.
void reseed(DataSpec& data, std::uint64_t seed);

/// Reads the "data" member of a job file from text; `file` names it in messages.
DataSpec parse_data(const std::string& text, const std::string& file, std::vector<std::string>& notes);

}  // namespace bigmac
