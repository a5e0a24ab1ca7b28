// The entry that libFuzzer calls; compiled once per target with BIGMAC_FUZZ_TARGET set to its name
// (json, model, ...) and linked with targets.cpp under -fsanitize=fuzzer. Not part of the tests.
#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bigmac::fuzz::BIGMAC_FUZZ_TARGET(data, size);
  return 0;
}
