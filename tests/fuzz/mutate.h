// Small deterministic mutations of texts, for replaying a corpus without a fuzzer.
#pragma once

#include <string>

#include "bigmac/base/random.h"

namespace bigmac::fuzz {

/// One to three changes of `text`. In two texts of three, JSON values give way to nasty ones or to
/// other values; in the third bits flip, and pieces are cut, repeated or taken from `other`. At most
/// 1 MiB long.
std::string mutate(const std::string& text, const std::string& other, Random& random);

}  // namespace bigmac::fuzz
