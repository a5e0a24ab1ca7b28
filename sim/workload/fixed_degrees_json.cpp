#include "fixed_degrees_json.h"

#include <fmt/format.h>

namespace bigmac {
namespace {

/// Where a member of "parallel" stands; the job has it.
JsonReader member(const JsonReader& root, const char* key) { return root.at("parallel").at(key); }

void check_stages(const JsonReader& root, const Job& job) {
  const auto layers = static_cast<std::int64_t>(job.model->llm.layers.size());
  const std::int64_t pp = job.parallel.pp.value_or(1), vpp = job.parallel.vpp.value_or(1);
  if (pp > layers)
    member(root, "pp")
        .fail(fmt::format("expected at most {}, the layers of {} with embedding and head, found {}", layers,
                          job.model->llm.name, pp));
  if (pp * vpp > layers)
    member(root, "vpp")
        .fail(fmt::format("expected pp x vpp to be at most {}, the layers of {} with embedding and head, found {} x {}",
                          layers, job.model->llm.name, pp, vpp));
}

void check_encoder_stages(const JsonReader& root, const Job& job) {
  if (!job.parallel.encoder_pp) return;
  const int stages = *job.parallel.encoder_pp;
  if (job.parallel.pp && *job.parallel.pp % stages != 0)
    member(root, "encoder_pp").fail(fmt::format("expected a divisor of pp {}, found {}", *job.parallel.pp, stages));
  for (const Module& encoder : job.model->encoders)
    if (encoder.layers.size() < static_cast<std::size_t>(stages))
      member(root, "encoder_pp")
          .fail(fmt::format("expected at most {}, the layers of {}, found {}", encoder.layers.size(), encoder.name,
                            stages));
}

void check_gpus(const JsonReader& root, const Job& job) {
  const std::pair<const char*, std::optional<int>> degrees[] = {
      {"tp", job.parallel.tp}, {"cp", job.parallel.cp}, {"pp", job.parallel.pp}, {"dp", job.parallel.dp}};
  const std::int64_t gpus = job.cluster->gpus;
  std::int64_t product = 1;
  std::string names;
  for (const auto& [key, degree] : degrees) {
    if (!degree) continue;
    product *= *degree;
    names += names.empty() ? key : fmt::format(" x {}", key);
    if (product > gpus || gpus % product != 0)
      member(root, key).fail(fmt::format("expected {} to divide the {} GPUs, found {}", names, gpus, product));
  }
  const bool all_fixed = job.parallel.tp && job.parallel.cp && job.parallel.pp && job.parallel.dp;
  if (all_fixed && product != gpus)
    root.at("parallel").fail(fmt::format("expected tp x cp x pp x dp to be the {} GPUs, found {}", gpus, product));
}

void check_tensor_parallel(const JsonReader& root, const Job& job) {
  if (!job.parallel.tp) return;
  const int tp = *job.parallel.tp, node = job.cluster->node.gpus;
  if (tp > node) member(root, "tp").fail(fmt::format("expected at most {}, the GPUs of a node, found {}", node, tp));
  for (const Layer& layer : job.model->llm.layers)
    if (layer.attention && layer.attention->heads % tp != 0)
      member(root, "tp")
          .fail(fmt::format("expected a divisor of the {} attention heads of {}, found {}", layer.attention->heads,
                            job.model->llm.name, tp));
}

}  // namespace

void check_fixed_degrees(const JsonReader& root, const Job& job) {
  if (job.batch.micro && job.batch.global % *job.batch.micro != 0)
    root.at("batch").at("micro").fail(
        fmt::format("expected a divisor of the global batch {}, found {}", job.batch.global, *job.batch.micro));
  if (job.model->llm.layers.empty()) return;  // refused, with its reason, by who plans it
  check_gpus(root, job);
  check_tensor_parallel(root, job);
  check_stages(root, job);
  check_encoder_stages(root, job);
}

}  // namespace bigmac
