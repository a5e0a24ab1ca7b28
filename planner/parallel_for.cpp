#include "parallel_for.h"

#ifdef BIGMAC_HAVE_TBB
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#endif

namespace bigmac {

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body) {
#ifdef BIGMAC_HAVE_TBB
  if (threads > 1) {
    tbb::task_arena arena(threads);
    arena.execute([&] { tbb::parallel_for(std::size_t{0}, count, body); });
    return;
  }
#else
  static_cast<void>(threads);
#endif
  for (std::size_t i = 0; i < count; ++i) body(i);
}

}  // namespace bigmac
