// Messages of one step between ranks: tensors under tags that are unique within the step.
//
// Nothing blocks: sends are handed to MPI when they are due and kept until they are complete; receives are posted
// ahead. `synchronous` sends with MPI_Issend: complete only when their receive has been matched, so nothing is ever
// buffered.
#pragma once

#include <cstdint>
#include <memory>

#include "bigmac/runner/session.h"
#include "bigmac/runner/tensor.h"

namespace bigmac::runner {

enum class SendMode { standard, synchronous };

class Messenger {
 public:
  Messenger(Session& session, SendMode mode);
  ~Messenger();  ///< every message must have been drained or the run be lost

  /// Makes room for a message and posts its receive.
  void expect(std::uint32_t tag, RankId source, Shape shape);
  /// Returns when an expected message is here; whether it had to wait for it.
  bool wait_for(std::uint32_t tag);
  /// The message; it must be here.
  SharedTensor take(std::uint32_t tag);
  /// Leaves at `due`, at the first progress after it.
  void send(std::uint32_t tag, RankId destination, SharedTensor tensor, Clock::time_point due);
  /// Sends what is due, receives what has come, shows a sign of life.
  void progress();
  /// Sleeps, waking for what falls due and for signs of life.
  void sleep_until(Clock::time_point deadline);
  /// Until every send is complete.
  void drain();

  std::size_t sent() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bigmac::runner
