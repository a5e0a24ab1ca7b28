#include <simdjson.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"
#include "kineto_fields.h"

namespace bigmac {
namespace {

namespace ondemand = simdjson::ondemand;

using Token = std::string_view KinetoFields::*;

struct NamedToken {
  std::string_view key;
  Token token;
};

constexpr NamedToken kEventTokens[] = {{"ph", &KinetoFields::ph},     {"cat", &KinetoFields::cat},
                                       {"name", &KinetoFields::name}, {"pid", &KinetoFields::pid},
                                       {"tid", &KinetoFields::tid},   {"ts", &KinetoFields::ts},
                                       {"dur", &KinetoFields::dur}};

constexpr NamedToken kArgTokens[] = {{"correlation", &KinetoFields::correlation},
                                     {"device", &KinetoFields::device},
                                     {"stream", &KinetoFields::stream},
                                     {"bytes", &KinetoFields::bytes},
                                     {"Sequence number", &KinetoFields::sequence},
                                     {"Fwd thread id", &KinetoFields::forward_thread},
                                     {"Ev Idx", &KinetoFields::order},
                                     {"Addr", &KinetoFields::address},
                                     {"Bytes", &KinetoFields::memory_bytes},
                                     {"Total Allocated", &KinetoFields::allocated},
                                     {"Total Reserved", &KinetoFields::reserved},
                                     {"Device Type", &KinetoFields::device_type},
                                     {"Device Id", &KinetoFields::device_id},
                                     {"cuda_sync_kind", &KinetoFields::sync_kind},
                                     {"wait_on_stream", &KinetoFields::wait_stream},
                                     {"wait_on_cuda_event_record_corr_id", &KinetoFields::wait_record},
                                     {"Collective name", &KinetoFields::collective},
                                     {"In msg nelems", &KinetoFields::elements},
                                     {"dtype", &KinetoFields::dtype},
                                     {"Group size", &KinetoFields::group_size},
                                     {"Process Group Name", &KinetoFields::group},
                                     {"Seq", &KinetoFields::collective_sequence},
                                     {"name", &KinetoFields::label}};

/// Whether the raw key, which ends at its quote, is `key`. Kineto escapes nothing in its keys.
bool is_key(const char* raw, std::string_view key) {
  return std::char_traits<char>::compare(raw, key.data(), key.size()) == 0 && raw[key.size()] == '"';
}

template <std::size_t N>
void keep(const NamedToken (&tokens)[N], const char* key, std::string_view value, KinetoFields& fields) {
  for (const NamedToken& token : tokens)
    if (key[0] == token.key[0] && is_key(key, token.key)) {
      fields.*token.token = value;
      return;
    }
}

bool is_scalar(std::string_view token) { return token[0] != '{' && token[0] != '['; }

simdjson::error_code read_args(ondemand::value value, KinetoFields& fields) {
  ondemand::object args;
  if (const auto error = value.get_object().get(args)) return error;
  for (auto field : args) {
    if (field.error()) return field.error();
    const std::string_view token = field.value_unsafe().value().raw_json_token();
    if (is_scalar(token)) keep(kArgTokens, field.value_unsafe().key().raw(), token, fields);
  }
  return simdjson::SUCCESS;
}

simdjson::error_code read_event(ondemand::value value, KinetoFields& fields) {
  ondemand::object event;
  if (const auto error = value.get_object().get(event)) return error;
  for (auto field : event) {
    if (field.error()) return field.error();
    const char* key = field.value_unsafe().key().raw();
    ondemand::value& inner = field.value_unsafe().value();
    const std::string_view token = inner.raw_json_token();
    if (is_scalar(token)) keep(kEventTokens, key, token, fields);
    else if (token[0] == '{' && is_key(key, "args"))
      if (const auto error = read_args(inner, fields)) return error;
  }
  return simdjson::SUCCESS;
}

}  // namespace

struct KinetoFieldReader::Parser {
  std::string file;
  ondemand::parser parser{};

  [[noreturn]] void fail(std::uint64_t offset, simdjson::error_code error) const {
    bad_input(at_byte(file, offset),
              std::string("expected an event, a JSON object: ") + simdjson::error_message(error));
  }

  simdjson::error_code read(const EventWindow& window, const std::function<void(const KinetoFields&)>& take) {
    ondemand::document document;
    if (const auto error = parser.iterate(window.text, window.size, window.size + kWindowPadding).get(document))
      return error;
    ondemand::array events;
    if (const auto error = document.get_array().get(events)) return error;
    std::size_t i = 0;
    for (auto event : events) {
      if (event.error() || i == window.begins->size()) return event.error();
      KinetoFields fields;
      fields.offset = window.offset + (*window.begins)[i];
      if (const auto error = read_event(event.value_unsafe(), fields)) fail(fields.offset, error);
      take(fields);
      ++i;
    }
    return simdjson::SUCCESS;
  }

  /// The window as a whole was refused: finds the event that is to blame.
  [[noreturn]] void blame(const EventWindow& window, simdjson::error_code error) {
    const auto& begins = *window.begins;
    for (std::size_t i = 0; i < begins.size(); ++i) {
      const std::size_t end = i + 1 < begins.size() ? begins[i + 1] : window.size - 1;
      std::string text(window.text + begins[i], end - begins[i]);
      text.resize(std::max<std::size_t>(text.find_last_of("}]") + 1, 1));
      const simdjson::padded_string padded(text);
      ondemand::document document;
      auto wrong = parser.iterate(padded).get(document);
      KinetoFields fields;
      ondemand::value value;
      if (!wrong) wrong = document.get_value().get(value);
      if (!wrong) wrong = read_event(value, fields);
      if (wrong) fail(window.offset + begins[i], wrong);
    }
    fail(window.offset + begins.front(), error);
  }
};

KinetoFieldReader::KinetoFieldReader(std::string file) : parser_(std::make_unique<Parser>(Parser{std::move(file)})) {}
KinetoFieldReader::~KinetoFieldReader() = default;

void KinetoFieldReader::read(const EventWindow& window, const std::function<void(const KinetoFields&)>& take) {
  if (const auto error = parser_->read(window, take)) parser_->blame(window, error);
}

std::string unescaped(std::string_view token, const std::string& where) {
  const Json text = Json::parse(token, nullptr, false);
  if (!text.is_string()) bad_input(where, "expected a string");
  return text.get<std::string>();
}

}  // namespace bigmac
