#include <algorithm>
#include <list>
#include <map>

#include "bigmac/base/error.h"
#include "bigmac/runner/messenger.h"
#include "mpi_session.h"

namespace bigmac::runner {
namespace {

constexpr std::chrono::milliseconds kLongestSleep{250};  // between two signs of life

struct Outgoing {
  std::uint32_t tag = 0;
  RankId destination;
  SharedTensor tensor;
  Clock::time_point due;
  bool posted = false;
  MPI_Request request = MPI_REQUEST_NULL;
};

struct Incoming {
  Tensor tensor;
  MPI_Request request = MPI_REQUEST_NULL;
  bool here = false;
};

int count_of(const Tensor& tensor) {
  BIGMAC_CHECK(tensor.values.size() <= INT32_MAX);
  return static_cast<int>(tensor.values.size());
}

}  // namespace

struct Messenger::State {
  Session& session;
  SendMode mode;
  std::list<Outgoing> outgoing;
  std::map<std::uint32_t, Incoming> incoming;  // by tag; a node stays where it is while MPI writes to it
  std::size_t sent = 0;

  void post(Outgoing& message) {
    const auto send = mode == SendMode::synchronous ? MPI_Issend : MPI_Isend;
    send(message.tensor->values.data(), count_of(*message.tensor), MPI_DOUBLE,
         static_cast<int>(message.destination.value), static_cast<int>(message.tag), session.mpi().products,
         &message.request);
    message.posted = true;
    ++sent;
  }

  void progress_sends() {
    const Clock::time_point now = Clock::now();
    std::erase_if(outgoing, [&](Outgoing& message) {
      if (!message.posted && message.due > now) return false;
      if (!message.posted) post(message);
      int done = 0;
      MPI_Test(&message.request, &done, MPI_STATUS_IGNORE);
      return done != 0;
    });
  }

  void progress_receives() {
    for (auto& [tag, message] : incoming) {
      if (message.here) continue;
      int done = 0;
      MPI_Test(&message.request, &done, MPI_STATUS_IGNORE);
      message.here = done != 0;
    }
  }

  Clock::time_point next_due(Clock::time_point limit) const {
    for (const Outgoing& message : outgoing)
      if (!message.posted) limit = std::min(limit, message.due);
    return limit;
  }
};

Messenger::Messenger(Session& session, SendMode mode) : state_(new State{session, mode, {}, {}, 0}) {}
Messenger::~Messenger() = default;

void Messenger::expect(std::uint32_t tag, RankId source, Shape shape) {
  const auto [at, fresh] = state_->incoming.try_emplace(tag);
  BIGMAC_CHECK(fresh);
  at->second.tensor = Tensor(shape);
  MPI_Irecv(at->second.tensor.values.data(), count_of(at->second.tensor), MPI_DOUBLE, static_cast<int>(source.value),
            static_cast<int>(tag), state_->session.mpi().products, &at->second.request);
}

bool Messenger::wait_for(std::uint32_t tag) {
  const Incoming& message = state_->incoming.at(tag);
  if (!message.here) progress();
  if (message.here) return false;
  while (!message.here) {
    state_->session.pause();
    progress();
  }
  return true;
}

SharedTensor Messenger::take(std::uint32_t tag) {
  const auto at = state_->incoming.find(tag);
  BIGMAC_CHECK(at != state_->incoming.end() && at->second.here);
  auto out = std::make_shared<const Tensor>(std::move(at->second.tensor));
  state_->incoming.erase(at);
  return out;
}

void Messenger::send(std::uint32_t tag, RankId destination, SharedTensor tensor, Clock::time_point due) {
  state_->outgoing.push_back({tag, destination, std::move(tensor), due});
  state_->progress_sends();
}

void Messenger::progress() {
  state_->progress_sends();
  state_->progress_receives();
  state_->session.beat();
}

void Messenger::sleep_until(Clock::time_point deadline) {
  while (Clock::now() < deadline) {
    runner::sleep_until(state_->next_due(std::min(deadline, Clock::now() + kLongestSleep)));
    state_->progress_sends();
    state_->session.beat();
  }
}

void Messenger::drain() {
  while (!state_->outgoing.empty()) {
    progress();
    if (!state_->outgoing.empty()) state_->session.pause();
  }
}

std::size_t Messenger::sent() const { return state_->sent; }

}  // namespace bigmac::runner
