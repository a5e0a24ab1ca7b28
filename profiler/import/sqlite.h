// The few things that reading a recording needs of SQLite: tables and columns that may be absent, rows with checked
// types.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace bigmac {

class Rows;

class Database {
 public:
  /// Read-only; throws Error{bad_input} where the file is no database.
  explicit Database(const std::string& path);
  /// An image in memory, copied.
  Database(std::string_view image, const std::string& name);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Of a real table: a view could compute forever.
  bool has_table(const std::string& table) const;
  std::vector<std::string> columns(const std::string& table) const;
  /// Every row of the table, these columns; one that the table lacks reads as absent. Order of the file.
  Rows rows(const std::string& table, const std::vector<std::string>& columns) const;
  const std::string& name() const { return name_; }

 private:
  void prepare();
  std::string name_;
  std::string image_;
  sqlite3* handle_ = nullptr;
};

/// A walk over rows. Values are those of the current row.
class Rows {
 public:
  Rows(const Database& database, sqlite3* handle, const std::string& table, const std::string& sql,
       std::vector<std::string> columns);
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  bool next();
  std::optional<std::int64_t> integer(int column) const;  ///< nothing for NULL; throws on another type
  std::int64_t integer(int column, std::int64_t low, std::int64_t high) const;  ///< throws on NULL and out of range
  std::optional<std::string_view> text(int column) const;                       ///< until the next row
  /// "FILE: TABLE row N: what", as an Error{bad_input}.
  [[noreturn]] void fail(int column, const std::string& what) const;

 private:
  const Database& database_;
  sqlite3* handle_;
  std::string table_;
  std::vector<std::string> columns_;
  sqlite3_stmt* statement_ = nullptr;
  std::uint64_t row_ = 0;
};

}  // namespace bigmac
