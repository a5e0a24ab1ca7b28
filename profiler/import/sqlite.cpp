#include "sqlite.h"

#include <algorithm>

#include <sqlite3.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

/// As an SQL name: quotes doubled.
std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

Database::Database(const std::string& path) : name_(path) {
  const int code = sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READONLY, nullptr);
  if (code != SQLITE_OK) {
    const std::string what = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    sqlite3_close(handle_);
    bad_input(path, what);
  }
  prepare();
}

Database::Database(std::string_view image, const std::string& name) : name_(name), image_(image) {
  BIGMAC_CHECK(sqlite3_open_v2(":memory:", &handle_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  const auto size = static_cast<sqlite3_int64>(image_.size());
  const int code = sqlite3_deserialize(handle_, "main", reinterpret_cast<unsigned char*>(image_.data()), size, size,
                                       SQLITE_DESERIALIZE_READONLY);
  if (code != SQLITE_OK) {
    sqlite3_close(handle_);
    bad_input(name, sqlite3_errstr(code));
  }
  prepare();
}

Database::~Database() { sqlite3_close(handle_); }

void Database::prepare() {
  // The file's own schema may run nothing.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

bool Database::has_table(const std::string& table) const {
  Rows rows(*this, handle_, "sqlite_master", "SELECT name FROM sqlite_master WHERE type = 'table'", {"name"});
  while (rows.next())
    if (rows.text(0) == table) return true;
  return false;
}

std::vector<std::string> Database::columns(const std::string& table) const {
  std::vector<std::string> names;
  Rows rows(*this, handle_, table, "SELECT name FROM pragma_table_info('" + table + "')", {"name"});
  while (rows.next())
    if (const auto name = rows.text(0)) names.emplace_back(*name);
  return names;
}

Rows Database::rows(const std::string& table, const std::vector<std::string>& columns) const {
  const std::vector<std::string> present = this->columns(table);
  std::string sql;
  for (const std::string& column : columns) {
    const bool is_there = std::find(present.begin(), present.end(), column) != present.end();
    sql += (sql.empty() ? "SELECT " : ", ") + (is_there ? quoted(column) : std::string("NULL"));
  }
  return Rows(*this, handle_, table, sql + " FROM " + quoted(table), columns);
}

Rows::Rows(const Database& database, sqlite3* handle, const std::string& table, const std::string& sql,
           std::vector<std::string> columns)
    : database_(database), handle_(handle), table_(table), columns_(std::move(columns)) {
  if (sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK)
    bad_input(database_.name() + ": " + table_, sqlite3_errmsg(handle_));
}

Rows::~Rows() { sqlite3_finalize(statement_); }

bool Rows::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_DONE) return false;
  ++row_;
  if (code != SQLITE_ROW)
    bad_input(database_.name() + ": " + table_ + " row " + std::to_string(row_), sqlite3_errmsg(handle_));
  return true;
}

std::optional<std::int64_t> Rows::integer(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_NULL: return std::nullopt;
    case SQLITE_INTEGER: return sqlite3_column_int64(statement_, column);
    default: fail(column, "expected an integer");
  }
}

std::int64_t Rows::integer(int column, std::int64_t low, std::int64_t high) const {
  const auto value = integer(column);
  if (!value || *value < low || *value > high)
    fail(column, "expected an integer from " + std::to_string(low) + " to " + std::to_string(high));
  return *value;
}

std::optional<std::string_view> Rows::text(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  if (sqlite3_column_type(statement_, column) != SQLITE_TEXT) fail(column, "expected a text");
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return std::string_view(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

void Rows::fail(int column, const std::string& what) const {
  bad_input(database_.name() + ": " + table_ + " row " + std::to_string(row_) + ": " +
                columns_[static_cast<std::size_t>(column)],
            what);
}

}  // namespace bigmac
