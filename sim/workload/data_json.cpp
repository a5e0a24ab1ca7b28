// The "data" member of a job file.
//
//   "sequence_length"              LLM tokens per sample
//   "images_per_sample"            COUNT (1)
//   "image_tokens"                 COUNT, LLM tokens per image after merging (of the encoder's fixed image side)
//   "encoders": {NAME: {"images_per_sample", "image_tokens"}}       for an encoder that sees something else
//   "samples": [{"text_tokens": n, "image_tokens": [n, ...]}, ...]  listed instead; starts over at its end
//   "generated_tokens_per_sample"  COUNT, latent patches of the generator (one image of 1024 x 1024 pixels)
//   "condition_tokens_per_sample"  COUNT (0), tokens that condition it
//
// COUNT is a number, {"distribution": "uniform", "low", "high", "seed"}, {"distribution": "lognormal", "mean",
// "sigma", "seed"} (mean of the values, sigma of their logarithm), or {"list": [n, ...]}. Seeds default to 1.

#include "bigmac/workload/data_json.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxTokens = 1'000'000'000;
constexpr std::size_t kMaxListed = 1 << 22;

std::uint64_t read_seed(const JsonReader& reader) {
  return static_cast<std::uint64_t>(reader.integer_or("seed", 1, 0, INT64_MAX));
}

CountSource read_list(const JsonReader& list, std::int64_t low) {
  const auto items = list.items();
  if (items.empty() || items.size() > kMaxListed) list.fail("expected 1 to 4194304 values");
  ValueList out;
  for (const JsonReader& item : items) out.values.push_back(item.integer(low, kMaxTokens));
  return out;
}

CountSource read_distribution(const JsonReader& reader, std::int64_t low, std::vector<std::string>& notes) {
  const JsonReader name = reader.at("distribution");
  if (name.string() == "uniform") {
    reader.note_unknown({"distribution", "low", "high", "seed"}, notes);
    UniformDistribution out;
    out.low = reader.at("low").integer(low, kMaxTokens);
    out.high = reader.at("high").integer(out.low, kMaxTokens);
    out.seed = read_seed(reader);
    return out;
  }
  if (name.string() != "lognormal") name.fail(unknown_name("distribution", name.string(), {"lognormal", "uniform"}));
  reader.note_unknown({"distribution", "mean", "sigma", "seed"}, notes);
  LognormalDistribution out;
  out.mean = reader.at("mean").number(1, static_cast<double>(kMaxTokens));
  out.sigma = reader.at("sigma").number(0, 10);
  out.seed = read_seed(reader);
  return out;
}

/// COUNT, no value below `low`.
CountSource read_count(const JsonReader& reader, std::int64_t low, std::vector<std::string>& notes) {
  if (!reader.raw().is_object()) return reader.integer(low, kMaxTokens);
  if (const auto list = reader.find("list")) {
    reader.note_unknown({"list"}, notes);
    return read_list(*list, low);
  }
  return read_distribution(reader, low, notes);
}

ImageSpec read_images(const JsonReader& reader, std::vector<std::string>& notes) {
  ImageSpec out;
  if (const auto images = reader.find("images_per_sample")) out.images_per_sample = read_count(*images, 0, notes);
  if (const auto tokens = reader.find("image_tokens")) out.image_tokens = read_count(*tokens, 1, notes);
  return out;
}

std::vector<Sample> read_samples(const JsonReader& list, std::vector<std::string>& notes) {
  const auto items = list.items();
  if (items.empty() || items.size() > kMaxListed) list.fail("expected 1 to 4194304 samples");
  std::vector<Sample> out;
  for (const JsonReader& item : items) {
    item.note_unknown({"text_tokens", "image_tokens"}, notes);
    Sample sample;
    sample.text_tokens = item.integer_or("text_tokens", 0, 0, kMaxTokens);
    if (const auto images = item.find("image_tokens"))
      for (const JsonReader& tokens : images->items()) sample.image_tokens.push_back(tokens.integer(1, kMaxTokens));
    out.push_back(std::move(sample));
  }
  return out;
}

}  // namespace

DataSpec read_data(const JsonReader& data, std::vector<std::string>& notes) {
  data.note_unknown({"sequence_length", "images_per_sample", "image_tokens", "encoders", "samples",
                     "generated_tokens_per_sample", "condition_tokens_per_sample"},
                    notes);
  DataSpec out;
  out.sequence_length = data.at("sequence_length").integer(1, kMaxTokens);
  out.images = read_images(data, notes);
  if (const auto encoders = data.find("encoders"))
    for (const auto& [name, spec] : encoders->members()) {
      spec.note_unknown({"images_per_sample", "image_tokens"}, notes);
      out.encoders.emplace_back(name, read_images(spec, notes));
    }
  if (const auto samples = data.find("samples")) out.samples = read_samples(*samples, notes);
  if (!out.samples.empty() && (data.has("images_per_sample") || data.has("image_tokens") || data.has("encoders")))
    data.at("samples").fail("stands for images_per_sample, image_tokens and encoders; expected either");
  if (const auto tokens = data.find("generated_tokens_per_sample"))
    out.generated_tokens_per_sample = read_count(*tokens, 0, notes);
  if (const auto tokens = data.find("condition_tokens_per_sample"))
    out.condition_tokens_per_sample = read_count(*tokens, 0, notes);
  return out;
}

DataSpec parse_data(const std::string& text, const std::string& file, std::vector<std::string>& notes) {
  const Json document = parse_json(text, file);
  return read_data(JsonReader(document, file), notes);
}

}  // namespace bigmac
