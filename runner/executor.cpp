#include "bigmac/runner/executor.h"

#include <algorithm>

#include "bigmac/base/error.h"

namespace bigmac::runner {
namespace {

constexpr std::size_t kReceiveAhead = 4;  // operations

/// Activation bytes of the passes that are alive.
class Ledger {
 public:
  Ledger(const Pipeline& pipeline, const CostTable& costs) : pipeline_(pipeline), costs_(costs) {}

  void start(const Op& op) {
    if (op.kind != OpKind::forward || op.part > 0) return;
    now_ += bytes(op);
    peak_ = std::max(peak_, now_);
  }
  void end(const Op& op) {
    const bool frozen = op.kind == OpKind::forward && !pipeline_.modules[op.module].backward;
    const bool ends = op.kind == OpKind::backward || op.kind == OpKind::weight_gradient || frozen;
    if (ends && op.part + 1 == op.parts) now_ -= bytes(op);
  }
  Bytes peak() const { return peak_; }
  Bytes now() const { return now_; }

 private:
  Bytes bytes(const Op& op) const {
    return costs_.activation[costs_.slot(op.module, OpKind::forward, op.stage, op.microbatch)];
  }
  const Pipeline& pipeline_;
  const CostTable& costs_;
  Bytes now_{}, peak_{};
};

class RankStep {
 public:
  RankStep(Messenger& messenger, const Pipeline& pipeline, std::span<const Op> ops, RankTransfers transfers, Work& work)
      : messenger_(messenger),
        ops_(ops),
        number_(pipeline),
        transfers_(std::move(transfers)),
        work_(work),
        store_(number_.count()) {}

  void run(Ledger& ledger) {
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      receive_up_to(std::min(i + kReceiveAhead, ops_.size() - 1));
      const Inputs inputs = gather(i);
      ledger.start(ops_[i]);
      std::optional<Tensor> product = work_.run(ops_[i], inputs);
      ledger.end(ops_[i]);
      if (product) publish(i, std::make_shared<const Tensor>(std::move(*product)));
      messenger_.progress();
    }
  }

  /// Products nobody took: none after a whole step.
  bool empty() const {
    return std::all_of(store_.begin(), store_.end(), [](const SharedTensor& tensor) { return tensor == nullptr; });
  }

 private:
  void receive_up_to(std::size_t i) {
    for (; posted_ < transfers_.arrivals_up_to[i]; ++posted_) {
      const Arrival& arrival = transfers_.arrivals[posted_];
      messenger_.expect(number_(arrival.product), arrival.source, work_.shape_of(arrival.product));
    }
  }

  Inputs gather(std::size_t i) {
    Inputs inputs;
    for (const ProductKey& key : transfers_.reads[i]) {
      const std::uint32_t number = number_(key);
      SharedTensor& product = store_[number];
      if (!product) {
        inputs.waited |= messenger_.wait_for(number);
        product = messenger_.take(number);
      }
      inputs.products.emplace_back(key, product);
      if (--transfers_.readers[number] == 0) product = nullptr;
    }
    return inputs;
  }

  void publish(std::size_t i, SharedTensor product) {
    const Op& op = ops_[i];
    const std::uint32_t number = number_({product_of(op.kind), op.module, op.stage, op.microbatch});
    for (const RankId to : transfers_.sends[i]) messenger_.send(number, to, product, work_.departure(op));
    if (transfers_.readers[number] > 0) store_[number] = std::move(product);
  }

  Messenger& messenger_;
  std::span<const Op> ops_;
  ProductNumbers number_;
  RankTransfers transfers_;
  Work& work_;
  std::vector<SharedTensor> store_;  // by product number, until its last reader
  std::size_t posted_ = 0;           // arrivals whose receive is posted
};

}  // namespace

StepResult run_step(Session& session, Messenger& messenger, const Pipeline& pipeline, const Schedule& schedule,
                    const CostTable& costs, Work& work) {
  BIGMAC_CHECK(session.size() == schedule.ranks());
  const auto ops = schedule.rank_ops(session.rank());
  RankStep step(messenger, pipeline, ops, transfers_of(pipeline, schedule, session.rank()), work);
  Ledger ledger(pipeline, costs);
  session.barrier();
  const auto start = Clock::now();
  work.start(start);
  step.run(ledger);
  const auto elapsed = Clock::now() - start;
  messenger.drain();
  BIGMAC_CHECK(step.empty() && ledger.now() == Bytes{0});
  return {elapsed, ledger.peak(), messenger.sent()};
}

}  // namespace bigmac::runner
