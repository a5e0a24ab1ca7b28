#include "parallel_for.h"

#ifdef BIGMAC_HAVE_TBB
#include <algorithm>

#include <tbb/blocked_range.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#endif

namespace bigmac {

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
#ifdef BIGMAC_HAVE_TBB
  const int usable = std::min(threads, tbb::info::default_concurrency());  // mpirun binds a process to few cores
  if (usable > 1) {
    tbb::task_arena arena(usable);
    // Pieces of one: plans and profiles differ by a thousand times in what they take.
    const auto each = [&](const tbb::blocked_range<std::size_t>& range) {
      for (std::size_t i = range.begin(); i != range.end(); ++i) body(i);
    };
    arena.execute(
        [&] { tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, 1), each, tbb::simple_partitioner{}); });
    return;
  }
#else
  static_cast<void>(threads);
#endif
  for (std::size_t i = 0; i < count; ++i) body(i);
}

}  // namespace bigmac
