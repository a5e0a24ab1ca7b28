#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "bigmac/base/json_reader.h"

namespace bigmac {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxText = std::size_t{1} << 31;

std::string line_and_column(const std::string& text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
  const std::size_t start = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;
  return fmt::format("line {} column {}", line, offset - start + 1);
}

void refuse_deep_nesting(const std::string& text, const std::string& file) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth)
        bad_input(file, fmt::format("{}: nested deeper than {} levels", line_and_column(text, i), kMaxDepth));
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
}

const char* type_of(const Json& value) {
  if (value.is_number_float()) return "a fraction";
  if (value.is_number()) return "an integer";
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "true or false";
  if (value.is_array()) return "an array";
  return value.is_object() ? "an object" : "null";
}

std::string escape_pointer(const std::string& key) {
  std::string out;
  for (const char c : key.substr(0, 64)) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

}  // namespace

Json parse_json(const std::string& text, const std::string& file) {
  if (text.size() > kMaxText) bad_input(file, "larger than 2 GiB");
  refuse_deep_nesting(text, file);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::parse_error& e) {
    const std::string what = e.what();
    const auto reason = what.find(": ", what.find("column"));
    const std::string tail = reason == std::string::npos ? "" : what.substr(reason + 2);
    bad_input(file, fmt::format("{}: not valid JSON: {}", line_and_column(text, e.byte ? e.byte - 1 : 0), tail));
  } catch (const nlohmann::json::exception& e) {
    bad_input(file, fmt::format("not valid JSON: a number is out of range ({})", e.what()));
  }
}

std::string read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) bad_input(path, "is a folder; expected a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) bad_input(path, fmt::format("cannot read: {}", std::strerror(errno)));
  std::string text;
  std::vector<char> block(1 << 16);
  do {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxText) bad_input(path, "larger than 2 GiB");
  } while (in);
  if (in.bad()) bad_input(path, fmt::format("cannot read: {}", std::strerror(errno)));
  return text;
}

namespace {

/// Writes `text` to the file at `path` itself; `errno` says why where it could not.
bool write_in_place(const std::string& path, std::string_view text, bool sync) {
  std::FILE* out = std::fopen(path.c_str(), "wb");
  if (out == nullptr) return false;
  bool good = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  good = std::fflush(out) == 0 && good;
  if (sync) good = ::fsync(::fileno(out)) == 0 && good;
  const int reason = errno;
  const bool closed = std::fclose(out) == 0;
  if (!good) errno = reason;
  return good && closed;
}

/// What a chain of links names, whether it exists or not; a loop is left to the system's own message.
std::filesystem::path behind_links(std::filesystem::path path) {
  std::error_code error;
  for (int links = 0; links < 40 && std::filesystem::is_symlink(path, error); ++links)
    path = path.parent_path() / std::filesystem::read_symlink(path, error);
  return path;
}

}  // namespace

void write_text_file(const std::string& path, std::string_view text) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto refuse = [&](int reason) { bad_input(path, fmt::format("cannot write: {}", std::strerror(reason))); };
  // A device or a pipe takes the text itself: renaming would put a file in its place.
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {
    if (!write_in_place(path, text, false)) refuse(errno);
    return;
  }
  const fs::path target = behind_links(path);
  const std::string beside = fmt::format("{}.{}.part", target.string(), ::getpid());
  if (write_in_place(beside, text, true) && std::rename(beside.c_str(), target.c_str()) == 0) return;
  const int reason = errno;
  std::remove(beside.c_str());
  refuse(reason);
}

bool JsonReader::has(const char* key) const { return value_->is_object() && value_->contains(key); }

JsonReader JsonReader::at(const char* key) const {
  if (!value_->is_object()) fail(fmt::format("expected an object with '{}', found {}", key, type_of(*value_)));
  const auto it = value_->find(key);
  if (it == value_->end()) fail(fmt::format("'{}' is missing", key));
  return {*it, file_, pointer_ + "/" + key};
}

std::optional<JsonReader> JsonReader::find(const char* key) const {
  if (!value_->is_object()) fail(fmt::format("expected an object, found {}", type_of(*value_)));
  if (!value_->contains(key)) return std::nullopt;
  return at(key);
}

std::vector<JsonReader> JsonReader::items() const {
  if (!value_->is_array()) fail(fmt::format("expected an array, found {}", type_of(*value_)));
  std::vector<JsonReader> out;
  out.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i)
    out.emplace_back((*value_)[i], file_, pointer_ + "/" + std::to_string(i));
  return out;
}

std::vector<std::pair<std::string, JsonReader>> JsonReader::members() const {
  if (!value_->is_object()) fail(fmt::format("expected an object, found {}", type_of(*value_)));
  std::vector<std::pair<std::string, JsonReader>> out;
  for (const auto& [key, value] : value_->items())
    out.emplace_back(key, JsonReader(value, file_, pointer_ + "/" + escape_pointer(key)));
  return out;
}

std::int64_t JsonReader::integer(std::int64_t low, std::int64_t high) const {
  const std::string expected = fmt::format("expected an integer from {} to {}", low, high);
  if (value_->is_number_float()) {
    const double number = value_->get<double>();
    if (number != std::floor(number)) fail(fmt::format("{}, found {}", expected, number));
    if (number < static_cast<double>(low) || number > static_cast<double>(high))
      fail(fmt::format("{}, found {}", expected, number));
    return static_cast<std::int64_t>(number);
  }
  if (!value_->is_number()) fail(fmt::format("{}, found {}", expected, type_of(*value_)));
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
    fail(fmt::format("{}, found {}", expected, value_->get<std::uint64_t>()));
  const auto number = value_->get<std::int64_t>();
  if (number < low || number > high) fail(fmt::format("{}, found {}", expected, number));
  return number;
}

double JsonReader::number(double low, double high) const {
  if (!value_->is_number()) fail(fmt::format("expected a number from {} to {}, found {}", low, high, type_of(*value_)));
  const auto number = value_->get<double>();
  if (!(number >= low && number <= high))
    fail(fmt::format("expected a number from {} to {}, found {}", low, high, number));
  return number;
}

std::string JsonReader::string() const {
  if (!value_->is_string()) fail(fmt::format("expected a string, found {}", type_of(*value_)));
  return value_->get<std::string>();
}

bool JsonReader::boolean() const {
  if (!value_->is_boolean()) fail(fmt::format("expected true or false, found {}", type_of(*value_)));
  return value_->get<bool>();
}

std::int64_t JsonReader::integer_or(const char* key, std::int64_t fallback, std::int64_t low, std::int64_t high) const {
  const auto found = find(key);
  return found ? found->integer(low, high) : fallback;
}

double JsonReader::number_or(const char* key, double fallback, double low, double high) const {
  const auto found = find(key);
  return found ? found->number(low, high) : fallback;
}

std::string JsonReader::string_or(const char* key, const std::string& fallback) const {
  const auto found = find(key);
  return found ? found->string() : fallback;
}

bool JsonReader::boolean_or(const char* key, bool fallback) const {
  const auto found = find(key);
  return found ? found->boolean() : fallback;
}

void JsonReader::note_unknown(const std::vector<std::string>& known, std::vector<std::string>& notes) const {
  if (!value_->is_object()) return;
  for (const auto& [key, reader] : members())
    if (std::find(known.begin(), known.end(), key) == known.end())
      notes.push_back(reader.where() + ": ignored: " + unknown_name("key", key, known));
}

}  // namespace bigmac
