#include "mpi_session.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

#include <fmt/format.h>

namespace bigmac::runner {
namespace {

constexpr std::chrono::milliseconds kBeat{500};
constexpr std::chrono::microseconds kPoll{50};
constexpr int kAlive = -1;  // a sign of life; any other sign is the number of a rank that was lost

[[noreturn]] void throw_lost(int rank, const std::string& how) {
  throw RankLost(fmt::format("rank {} is lost: {} (killed, stopped, or its machine is gone)", rank, how));
}

}  // namespace

void Session::Mpi::listen() {
  if (coming == MPI_REQUEST_NULL) MPI_Irecv(&sign_in, 1, MPI_INT, MPI_ANY_SOURCE, 0, signs, &coming);
  int done = 0;
  MPI_Status status;
  MPI_Test(&coming, &done, &status);
  if (!done) return;
  if (sign_in != kAlive) throw_lost(sign_in, fmt::format("rank {} says so", status.MPI_SOURCE));
  last_heard = Clock::now();
}

void Session::Mpi::show_life() {
  const Clock::time_point now = Clock::now();
  if (now - last_sent < kBeat) return;
  int done = 0;
  MPI_Test(&going, &done, MPI_STATUS_IGNORE);  // done at once where there is none
  sign_out = kAlive;
  if (done) MPI_Isend(&sign_out, 1, MPI_INT, (rank + 1) % size, 0, signs, &going);
  last_sent = now;
}

void Session::Mpi::tell_all(int lost) {
  sign_lost = lost;  // the requests are not waited for: the run ends here
  for (int other = 0; other < size; ++other) {
    if (other == rank || other == lost) continue;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Isend(&sign_lost, 1, MPI_INT, other, 0, signs, &request);
    MPI_Request_free(&request);
  }
}

Session::Session(int* argc, char*** argv, std::chrono::milliseconds silence) : mpi_(new Mpi) {
  prctl(PR_SET_TIMERSLACK, 1);  // the default lets every sleep last 50 microseconds longer
  MPI_Init(argc, argv);
  MPI_Comm_dup(MPI_COMM_WORLD, &mpi_->products);
  MPI_Comm_dup(MPI_COMM_WORLD, &mpi_->signs);
  MPI_Comm_rank(MPI_COMM_WORLD, &mpi_->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &mpi_->size);
  void* largest = nullptr;
  int known = 0;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &largest, &known);
  if (known) mpi_->largest_tag = *static_cast<int*>(largest);
  mpi_->silence = silence;
  mpi_->last_heard = Clock::now();
}

Session::~Session() {
  try {
    barrier();
  } catch (const RankLost&) {
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  if (mpi_->coming != MPI_REQUEST_NULL) {
    MPI_Cancel(&mpi_->coming);
    MPI_Wait(&mpi_->coming, MPI_STATUS_IGNORE);
  }
  if (mpi_->going != MPI_REQUEST_NULL) MPI_Request_free(&mpi_->going);  // a few bytes, buffered: nobody need take them
  MPI_Finalize();
}

RankId Session::rank() const { return RankId{static_cast<std::uint32_t>(mpi_->rank)}; }
std::uint32_t Session::size() const { return static_cast<std::uint32_t>(mpi_->size); }
std::uint32_t Session::largest_tag() const { return static_cast<std::uint32_t>(mpi_->largest_tag); }

void Session::beat() {
  if (mpi_->size == 1) return;
  mpi_->listen();
  mpi_->show_life();
  const int before = (mpi_->rank + mpi_->size - 1) % mpi_->size;
  if (Clock::now() - mpi_->last_heard <= mpi_->silence) return;
  mpi_->tell_all(before);
  throw_lost(before, fmt::format("it has given no sign of life for {:.1f} s",
                                 std::chrono::duration<double>(mpi_->silence).count()));
}

void Session::pause() {
  beat();
  runner::sleep_until(Clock::now() + kPoll);
}

void Session::barrier() {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(mpi_->products, &request);
  mpi_->wait(*this, request);
}

std::string Session::broadcast(const std::string& text) {
  std::uint64_t size = text.size();
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibcast(&size, 1, MPI_UINT64_T, 0, mpi_->products, &request);
  mpi_->wait(*this, request);
  std::string out = text;
  out.resize(size);
  constexpr std::size_t kPiece = std::size_t{1} << 30;  // MPI counts with int
  for (std::size_t at = 0; at < size; at += kPiece) {
    MPI_Ibcast(out.data() + at, static_cast<int>(std::min(kPiece, size - at)), MPI_CHAR, 0, mpi_->products, &request);
    mpi_->wait(*this, request);
  }
  return out;
}

std::vector<std::vector<double>> Session::gather(const std::vector<double>& numbers) {
  const std::size_t length = numbers.size();
  std::vector<double> all(length * size());
  MPI_Request request = MPI_REQUEST_NULL;
  const int count = static_cast<int>(length);
  MPI_Iallgather(numbers.data(), count, MPI_DOUBLE, all.data(), count, MPI_DOUBLE, mpi_->products, &request);
  mpi_->wait(*this, request);
  std::vector<std::vector<double>> out;
  for (std::size_t from = 0; from < all.size(); from += length)
    out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(from),
                     all.begin() + static_cast<std::ptrdiff_t>(from + length));
  return out;
}

void Session::abort(int exit_code) {
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::terminate();
}

void sleep_until(Clock::time_point deadline) {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
  const timespec at{since_epoch / 1'000'000'000, since_epoch % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace bigmac::runner
