// What the MPI files share. Private to them.
#pragma once

#include <mpi.h>

#include "bigmac/runner/session.h"

namespace bigmac::runner {

struct Session::Mpi {
  int rank = 0, size = 1, largest_tag = 32767;
  MPI_Comm products = MPI_COMM_NULL, signs = MPI_COMM_NULL;  // messages of a step, signs of life
  std::chrono::milliseconds silence{};
  MPI_Request coming = MPI_REQUEST_NULL, going = MPI_REQUEST_NULL;  // signs of life
  int sign_in = 0, sign_out = 0, sign_lost = 0;
  Clock::time_point last_heard, last_sent;

  /// Takes one sign, if one has come; throws RankLost where it says that a rank is gone.
  void listen();
  void show_life();
  void tell_all(int lost);
  /// Polls until the request is done.
  void wait(Session& session, MPI_Request& request) const {
    for (int done = 0; MPI_Test(&request, &done, MPI_STATUS_IGNORE), !done;) session.pause();
  }
};

}  // namespace bigmac::runner
