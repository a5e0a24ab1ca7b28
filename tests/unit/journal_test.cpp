// The journal: whatever byte a writer was killed at, every record before it is read back.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/journal.h"

namespace bigmac::test {
namespace {

class JournalFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path_, std::ios::binary).rdbuf();
    return out.str();
  }
  void put(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  const std::string path_ =
      testing::TempDir() + "bigmac_journal_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(JournalFile, gives_back_what_was_appended) {
  {
    Journal journal(path_, "print", false);
    journal.append("1,0", "7;-");
    journal.append("2,0", "");
    EXPECT_FALSE(journal.find("1,0").has_value()) << "what this process found itself it need not look up";
  }
  const Journal journal(path_, "print", true);
  EXPECT_EQ(journal.resumed(), 2u);
  EXPECT_EQ(journal.find("1,0"), "7;-");
  EXPECT_EQ(journal.find("2,0"), "");
  EXPECT_FALSE(journal.find("3,0").has_value());
}

TEST_F(JournalFile, loses_nothing_but_the_record_it_was_cut_in_at_any_byte) {
  {
    Journal journal(path_, "print", false);
    for (int i = 0; i < 5; ++i) journal.append(std::to_string(i), "result " + std::to_string(i * i));
  }
  const std::string whole = text();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    put(whole.substr(0, size));
    const auto lines =
        static_cast<std::size_t>(std::count(whole.begin(), whole.begin() + static_cast<long>(size), '\n'));
    {
      Journal journal(path_, "print", true);
      EXPECT_EQ(journal.resumed(), lines == 0 ? 0 : lines - 1) << size << " bytes";
      for (std::size_t i = journal.resumed(); i < 5; ++i)
        journal.append(std::to_string(i), "result " + std::to_string(i * i));
    }
    EXPECT_EQ(text(), whole) << "begun again from " << size << " bytes";
  }
}

TEST_F(JournalFile, starts_anew_without_resume) {
  { Journal(path_, "print", false).append("1", "x"); }
  { Journal journal(path_, "print", false); }
  EXPECT_EQ(Journal(path_, "print", true).resumed(), 0u);
}

TEST_F(JournalFile, refuses_another_search_and_damage_before_its_end) {
  {
    Journal journal(path_, "print", false);
    journal.append("1", "x");
    journal.append("2", "y");
  }
  EXPECT_THROW(Journal(path_, "other print", true), Error);
  std::string damaged = text();
  damaged[damaged.find('x')] = 'z';
  put(damaged);
  EXPECT_THROW(Journal(path_, "print", true), Error);
  put("no journal at all\nand more\n");
  EXPECT_THROW(Journal(path_, "print", true), Error);
  EXPECT_THROW(Journal("/nowhere/at/all", "print", false), Error);
}

}  // namespace
}  // namespace bigmac::test
