#include <map>

#include "bigmac/base/json_reader.h"
#include "kineto_members.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxRanks = std::int64_t{1} << 32, kMaxBase = std::int64_t{1} << 61;

std::optional<std::int64_t> integer_member(const JsonReader& object, const char* key) {
  const auto found = object.find(key);
  if (!found) return std::nullopt;
  return found->integer(0, kMaxRanks);
}

void read_devices(const JsonReader& list, KinetoMembers& members) {
  for (const JsonReader& device : list.items()) {
    if (members.devices.size() >= 1024) return;
    members.devices.push_back(device.string_or("name", ""));
  }
}

}  // namespace

void read_kineto_member(std::string_view key, const std::string& text, const std::string& where,
                        KinetoMembers& members) {
  if (key != "distributedInfo" && key != "deviceProperties" && key != "baseTimeNanoseconds") return;
  const Json value = parse_json(text, where);
  const JsonReader reader(value, where, "/" + std::string(key));
  if (key == "deviceProperties") return read_devices(reader, members);
  if (key == "baseTimeNanoseconds") {
    members.base = Nanoseconds{reader.integer(0, kMaxBase)};
    return;
  }
  members.rank = integer_member(reader, "rank");
  members.world_size = integer_member(reader, "world_size");
}

Bytes message_bytes(std::int64_t elements, const std::string& dtype) {
  static const std::map<std::string, std::int64_t> kSizes = {
      {"Byte", 1}, {"Char", 1},  {"Bool", 1}, {"Short", 2},  {"Half", 2},          {"BFloat16", 2},
      {"Int", 4},  {"Float", 4}, {"Long", 8}, {"Double", 8}, {"Float8_e4m3fn", 1}, {"Float8_e5m2", 1}};
  const auto found = kSizes.find(dtype);
  if (found == kSizes.end() || elements > kMaxBytes.value / found->second) return Bytes{0};
  return Bytes{elements * found->second};
}

}  // namespace bigmac
