#include "bigmac/workload/data.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/base/random.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxMicrobatchCount = std::int64_t{1} << 20;
constexpr std::int64_t kMaxSamples = std::int64_t{1} << 22;
constexpr std::int64_t kMaxImages = std::int64_t{1} << 25;
constexpr std::int64_t kMaxDrawn = 1'000'000'000;
constexpr std::int64_t kDefaultImageSide = 1024;  ///< pixels of a generated image

/// A CountSource and where it stands. Streams that share a seed are told apart by `stream`.
class Counter {
 public:
  Counter(const CountSource& source, std::uint64_t stream) : source_(source), random_(seed(source) ^ stream) {}

  std::int64_t next() {
    return std::visit([this](const auto& source) { return draw(source); }, source_);
  }

 private:
  static std::uint64_t seed(const CountSource& source) {
    if (const auto* uniform = std::get_if<UniformDistribution>(&source)) return uniform->seed;
    if (const auto* lognormal = std::get_if<LognormalDistribution>(&source)) return lognormal->seed;
    return 0;
  }
  std::int64_t draw(std::int64_t constant) { return constant; }
  std::int64_t draw(const UniformDistribution& source) { return random_.integer(source.low, source.high); }
  std::int64_t draw(const LognormalDistribution& source) {
    const double centre = std::log(source.mean) - source.sigma * source.sigma / 2;
    const double value = std::exp(centre + source.sigma * random_.normal());
    return std::max<std::int64_t>(1, std::llround(std::min(value, static_cast<double>(kMaxDrawn))));
  }
  std::int64_t draw(const ValueList& source) { return source.values[position_++ % source.values.size()]; }

  CountSource source_;
  Random random_;
  std::size_t position_ = 0;
};

/// The images of one encoder, sample by sample.
class ImageStream {
 public:
  ImageStream(const ImageSpec& spec, std::int64_t fixed_tokens)
      : images_(spec.images_per_sample.value_or(CountSource{std::int64_t{1}}), 0),
        tokens_(spec.image_tokens.value_or(CountSource{fixed_tokens}), 0x9E3779B97F4A7C15u) {}

  std::int64_t images() { return images_.next(); }
  std::int64_t tokens() { return tokens_.next(); }

 private:
  Counter images_;
  Counter tokens_;
};

const ImageSpec& spec_of(const DataSpec& data, const Module& encoder) {
  for (const auto& [name, spec] : data.encoders)
    if (name == encoder.name) return spec;
  return data.images;
}

/// LLM tokens of an image of the encoder's fixed side.
std::int64_t fixed_tokens(const DataSpec& data, const Module& encoder, const std::string& where) {
  if (!data.samples.empty() || spec_of(data, encoder).image_tokens) return 1;
  if (encoder.image_side == 0 || encoder.patch == 0)
    bad_input(where, fmt::format("encoder '{}' takes images of any size; expected 'image_tokens'", encoder.name));
  const std::int64_t side = encoder.image_side / (encoder.patch * encoder.merge);
  return std::max<std::int64_t>(1, side * side);
}

/// Draws loads sample by sample, and remembers what did not fit.
class Drawing {
 public:
  Drawing(const DataSpec& data, const Model& model, const std::string& where)
      : data_(data),
        model_(model),
        where_(where),
        generated_(data.generated_tokens_per_sample.value_or(CountSource{std::int64_t{0}}), 0xC2B2AE3D27D4EB4Fu),
        conditions_(data.condition_tokens_per_sample, 0x165667B19E3779F9u) {
    for (const Module& encoder : model.encoders)
      streams_.emplace_back(spec_of(data, encoder), fixed_tokens(data, encoder, where));
  }

  MicrobatchLoad microbatch(std::int64_t samples) {
    MicrobatchLoad load;
    load.encoders.resize(model_.encoders.size());
    load.generators.resize(model_.generators.size());
    for (std::int64_t i = 0; i < samples; ++i) add_sample(load);
    return load;
  }

  std::int64_t trimmed_samples() const { return trimmed_; }

 private:
  void add_sample(MicrobatchLoad& load) {
    std::int64_t room = data_.sequence_length;
    bool trimmed = false;
    const Sample* listed = data_.samples.empty() ? nullptr : &data_.samples[sample_++ % data_.samples.size()];
    for (std::size_t e = 0; e < streams_.size(); ++e) {
      const std::int64_t images =
          listed ? static_cast<std::int64_t>(listed->image_tokens.size()) : streams_[e].images();
      for (std::int64_t i = 0; i < images; ++i) {
        const std::int64_t wanted = listed ? listed->image_tokens[static_cast<std::size_t>(i)] : streams_[e].tokens();
        trimmed |= wanted > room;
        add_image(load.encoders[e], model_.encoders[e], std::min(wanted, room));
        room -= std::min(wanted, room);
        if (room == 0 && trimmed) break;
      }
    }
    const auto length = static_cast<double>(data_.sequence_length);
    load.llm_tokens += data_.sequence_length;
    load.llm_attention_pairs += length * length;
    load.text_tokens += room;
    trimmed_ += trimmed || (listed && listed->text_tokens > room) ? 1 : 0;
    for (std::size_t g = 0; g < load.generators.size(); ++g) add_generation(load.generators[g], model_.generators[g]);
  }

  void add_image(ModuleLoad& load, const Module& encoder, std::int64_t tokens) {
    if (tokens == 0) return;
    if (++images_ > kMaxImages) bad_input(where_, fmt::format("more than {} images in one iteration", kMaxImages));
    const std::int64_t patches = tokens * encoder.merge * encoder.merge;
    load.tokens += patches;
    load.pairs += static_cast<double>(patches) * static_cast<double>(patches);
    load.images += 1;
    load.output_tokens += tokens;
  }

  void add_generation(ModuleLoad& load, const Module& generator) {
    const std::int64_t side = generator.patch > 0 ? kDefaultImageSide / generator.patch : 1;
    const std::int64_t patches = data_.generated_tokens_per_sample ? generated_.next() : side * side;
    const std::int64_t conditions = conditions_.next();
    if (patches == 0) return;
    const auto joint = static_cast<double>(patches + conditions);
    load.tokens += patches + conditions;
    load.pairs += joint * joint;
    load.images += 1;
    load.output_tokens += patches;
  }

  const DataSpec& data_;
  const Model& model_;
  const std::string& where_;
  std::vector<ImageStream> streams_;
  Counter generated_;
  Counter conditions_;
  std::size_t sample_ = 0;
  std::int64_t images_ = 0;
  std::int64_t trimmed_ = 0;
};

void check(const DataSpec& data, const Model& model, std::int64_t microbatches, std::int64_t samples,
           const std::string& where) {
  if (microbatches < 1 || microbatches > kMaxMicrobatchCount)
    bad_input(where, fmt::format("{} microbatches; expected 1 to {}", microbatches, kMaxMicrobatchCount));
  if (samples < 1 || samples > kMaxSamples / microbatches)
    bad_input(where, fmt::format("{} samples in each of {} microbatches; expected 1 to {} together", samples,
                                 microbatches, kMaxSamples));
  std::vector<std::string> known;
  for (const Module& encoder : model.encoders) known.push_back(encoder.name);
  for (const auto& [name, spec] : data.encoders)
    if (std::find(known.begin(), known.end(), name) == known.end())
      bad_input(where, unknown_name("encoder", name, known));
}

void note_defaults(const DataSpec& data, const Model& model, const std::string& where,
                   std::vector<std::string>& notes) {
  for (const Module& encoder : model.encoders)
    if (data.samples.empty() && !spec_of(data, encoder).images_per_sample)
      notes.push_back(
          fmt::format("{}: 'images_per_sample' is absent: one per sample for encoder '{}'", where, encoder.name));
  if (!model.generators.empty() && !data.generated_tokens_per_sample)
    notes.push_back(fmt::format("{}: 'generated_tokens_per_sample' is absent: one image of {} x {} pixels per sample",
                                where, kDefaultImageSide, kDefaultImageSide));
}

}  // namespace

std::vector<MicrobatchLoad> draw_loads(const DataSpec& data, const Model& model, std::int64_t microbatches,
                                       std::int64_t samples_per_microbatch, std::vector<std::string>& notes,
                                       const std::string& where) {
  check(data, model, microbatches, samples_per_microbatch, where);
  Drawing drawing(data, model, where);
  std::vector<MicrobatchLoad> loads;
  for (std::int64_t i = 0; i < microbatches; ++i) loads.push_back(drawing.microbatch(samples_per_microbatch));
  if (drawing.trimmed_samples() > 0)
    notes.push_back(fmt::format("{}: {} of {} samples exceed the sequence length of {} tokens and were cut to it",
                                where, drawing.trimmed_samples(), microbatches * samples_per_microbatch,
                                data.sequence_length));
  note_defaults(data, model, where, notes);
  return loads;
}

void reseed(DataSpec& data, std::uint64_t seed) {
  const auto next = [&seed](CountSource& source) {
    if (auto* uniform = std::get_if<UniformDistribution>(&source)) uniform->seed = seed++;
    if (auto* lognormal = std::get_if<LognormalDistribution>(&source)) lognormal->seed = seed++;
  };
  const auto images = [&](ImageSpec& spec) {
    if (spec.images_per_sample) next(*spec.images_per_sample);
    if (spec.image_tokens) next(*spec.image_tokens);
  };
  images(data.images);
  for (auto& [name, spec] : data.encoders) images(spec);
  if (data.generated_tokens_per_sample) next(*data.generated_tokens_per_sample);
  next(data.condition_tokens_per_sample);
}

}  // namespace bigmac
