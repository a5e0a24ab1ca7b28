#include "parallel_for.h"

#ifdef BIGMAC_HAVE_TBB
#include <algorithm>

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
    arena.execute([&] { tbb::parallel_for(std::size_t{0}, count, body); });
    return;
  }
#else
  static_cast<void>(threads);
#endif
  for (std::size_t i = 0; i < count; ++i) body(i);
}

}  // namespace bigmac
