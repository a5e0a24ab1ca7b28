// Where shared measurements and recordings lie, and how a test skips where they do not.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace bigmac::test {

/// $BIGMAC_SHARED, or ../shared beside the project.
inline std::filesystem::path shared_folder() {
  if (const char* folder = std::getenv("BIGMAC_SHARED")) return folder;
  return std::filesystem::path(BIGMAC_SOURCE_DIR) / ".." / "shared";
}

}  // namespace bigmac::test

/// Sets `path` to a file of the shared folder, or skips the test.
#define BIGMAC_SHARED_FILE(path, name)                                          \
  const std::string path = (::bigmac::test::shared_folder() / (name)).string(); \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "not here: " << (path) << " (set BIGMAC_SHARED)"
