// The processes of one run: who is there, and whether they still live. The home of MPI, with messenger.h.
//
// MPI's blocking calls spin, so nothing here blocks: whoever waits polls, beats and sleeps in turn, and eight ranks fit
// on two cores. Beating: every rank sends a sign of life to the next rank (of a ring) every half second, from whatever
// loop it is in; a rank whose predecessor has been silent for `silence` tells all others and throws RankLost. So a
// killed or stopped process is noticed within that time, however long the others would have waited for its products.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bigmac/base/ids.h"
#include "bigmac/runner/work.h"

namespace bigmac::runner {

/// A process of the run is gone; the message says which. The rest cannot finish: abort().
class RankLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Session {
 public:
  /// MPI_Init; one per process. `silence`: how long a rank may give no sign of life.
  Session(int* argc, char*** argv, std::chrono::milliseconds silence = std::chrono::seconds(5));
  ~Session();  ///< waits for all ranks, then MPI_Finalize
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  RankId rank() const;
  std::uint32_t size() const;
  std::uint32_t largest_tag() const;

  /// Shows that this rank lives and looks whether its predecessor does. Cheap: to be called from every loop.
  void beat();
  /// A short sleep between two polls, with a beat.
  void pause();
  /// Until every rank has called it.
  void barrier();
  /// Rank 0's text, on every rank.
  std::string broadcast(const std::string& text);
  /// By rank: each rank's numbers, all of one length, on every rank.
  std::vector<std::vector<double>> gather(const std::vector<double>& numbers);
  /// Ends every process of the run, this one included.
  [[noreturn]] void abort(int exit_code);

  struct Mpi;
  Mpi& mpi() { return *mpi_; }

 private:
  std::unique_ptr<Mpi> mpi_;
};

/// Sleeps until `deadline`, to within some 10 microseconds on an idle core.
void sleep_until(Clock::time_point deadline);

}  // namespace bigmac::runner
