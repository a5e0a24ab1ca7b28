#include "bigmac/workload/kernel_fit.h"

namespace bigmac {

const std::vector<Constant<GemmFit>>& gemm_constants() {
  static const std::vector<Constant<GemmFit>> table = {
      {"launch_us", &GemmFit::launch_us, 0.1, 50},
      {"peak_share", &GemmFit::peak_share, 0.1, 1.2},
      {"fill_k", &GemmFit::fill_k, 1, 5000},
      {"operand_gbps", &GemmFit::operand_gbps, 5, 1000},
      {"hbm_share", &GemmFit::hbm_share, 0.1, 1},
      {"cache_mb", &GemmFit::cache_mb, 1, 1000},
      {"cache_gbps", &GemmFit::cache_gbps, 500, 100000},
      {"overlap", &GemmFit::overlap, 1, 20},
      {"quantisation", &GemmFit::quantisation, 0.01, 1},
      {"grouping", &GemmFit::grouping, 0.001, 1},
      {"split_us", &GemmFit::split_us, 0.01, 20},
      {"balance_us", &GemmFit::balance_us, 0.01, 200},
      {"power_loss", &GemmFit::power_loss, 0.0001, 0.3},
  };
  return table;
}

const std::vector<Constant<AttentionFit>>& attention_constants() {
  static const std::vector<Constant<AttentionFit>> table = {
      {"launch_us", &AttentionFit::launch_us, 0.1, 100}, {"peak_share", &AttentionFit::peak_share, 0.05, 1.2},
      {"fill_keys", &AttentionFit::fill_keys, 1, 5000},  {"narrow_share", &AttentionFit::narrow_share, 0.1, 1.5},
      {"hbm_share", &AttentionFit::hbm_share, 0.05, 1},  {"kv_weight", &AttentionFit::kv_weight, 0.1, 30},
      {"block_rows", &AttentionFit::block_rows, 1, 512},
  };
  return table;
}

const std::vector<Constant<CollectiveFit>>& collective_constants() {
  static const std::vector<Constant<CollectiveFit>> table = {
      {"base_us", &CollectiveFit::base_us, 0.1, 200},
      {"step_us", &CollectiveFit::step_us, 0.001, 50},
      {"bandwidth_share", &CollectiveFit::bandwidth_share, 0.05, 2},
      {"pair_share", &CollectiveFit::pair_share, 0.1, 2},
      {"ramp_us", &CollectiveFit::ramp_us, 0.001, 500},
      {"low_share", &CollectiveFit::low_share, 0.001, 1},
  };
  return table;
}

const std::vector<Constant<TrainingFit>>& training_constants() {
  static const std::vector<Constant<TrainingFit>> table = {
      {"product_scale", &TrainingFit::product_scale, 0.5, 3},
      {"traffic_scale", &TrainingFit::traffic_scale, 0.5, 5},
      {"collective_scale", &TrainingFit::collective_scale, 0.3, 5},
      {"host_us", &TrainingFit::host_us, 0.01, 200},
      {"step_us", &TrainingFit::step_us, 0.01, 1e6},
  };
  return table;
}

}  // namespace bigmac
