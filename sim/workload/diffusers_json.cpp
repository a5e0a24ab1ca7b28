// MMDiT generators out of diffusers' transformer configs: Qwen-Image, FLUX.1 and Stable Diffusion 3.
//
// The three differ in how a file states its patches (folded into in_channels or not) and in what, beside the time
// step, modulates the blocks.

#include "importers.h"

namespace bigmac {
namespace {

constexpr std::int64_t kTimeChannels = 256;  ///< sinusoidal features of a time step, in all three classes
constexpr std::int64_t kVaeFactor = 8;       ///< pixels per latent, each way, of all three models' VAE
constexpr std::int64_t kMaxChannels = 65536;

constexpr const char* kQwenImage = "QwenImageTransformer2DModel";
constexpr const char* kFlux = "FluxTransformer2DModel";
constexpr const char* kSd3 = "SD3Transformer2DModel";

DiffusionShape read_common(const JsonReader& root) {
  if (const auto dual = given(root, "dual_attention_layers"); dual && !dual->items().empty())
    dual->fail("blocks with a second attention are not supported; expected an empty list");
  DiffusionShape shape;
  shape.heads = size_at(root, "num_attention_heads");
  shape.head_dim = size_at(root, "attention_head_dim");
  check_heads(root, shape.heads, shape.heads, shape.head_dim);
  shape.double_layers = size_at(root, "num_layers", kMaxLayers);
  shape.condition_width = size_at(root, "joint_attention_dim");
  shape.patch_elements_in = size_at(root, "in_channels", kMaxChannels);
  shape.patch_elements_out = size_or(root, "out_channels", shape.patch_elements_in, kMaxChannels);
  shape.vector_inputs = {kTimeChannels};
  return shape;
}

// in_channels has the patch folded in, out_channels has not.
Module read_qwen_image(const JsonReader& root) {
  DiffusionShape shape = read_common(root);
  const std::int64_t patch = size_at(root, "patch_size", 64);
  shape.patch_elements_out *= patch * patch;
  shape.condition_norm = true;
  return diffusion_module(shape, patch * kVaeFactor);
}

// Packs 2 x 2 latents before the transformer, in which patch_size is then 1.
Module read_flux(const JsonReader& root) {
  DiffusionShape shape = read_common(root);
  shape.single_layers = root.at("num_single_layers").integer(0, kMaxLayers);
  shape.vector_inputs.push_back(size_at(root, "pooled_projection_dim"));
  if (flag_or(root, "guidance_embeds", false)) shape.vector_inputs.push_back(kTimeChannels);
  return diffusion_module(shape, 2 * kVaeFactor);
}

Module read_sd3(const JsonReader& root) {
  DiffusionShape shape = read_common(root);
  const std::int64_t patch = size_at(root, "patch_size", 64);
  shape.patch_elements_in *= patch * patch;
  shape.patch_elements_out *= patch * patch;
  shape.vector_inputs.push_back(size_at(root, "pooled_projection_dim"));
  shape.qk_norm = given(root, "qk_norm").has_value();
  shape.last_condition_dropped = true;
  return diffusion_module(shape, patch * kVaeFactor);
}

}  // namespace

std::vector<std::string> diffusers_classes() { return {kFlux, kQwenImage, kSd3}; }

Module read_diffusers(const JsonReader& root, const std::string& class_name, Notes& notes) {
  notes.push_back(root.where() + ": the VAE (8 pixels per latent) and text encoders are not part of the generator");
  if (class_name == kQwenImage) return read_qwen_image(root);
  if (class_name == kFlux) return read_flux(root);
  return read_sd3(root);
}

}  // namespace bigmac
