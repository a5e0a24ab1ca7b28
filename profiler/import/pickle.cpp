#include "pickle.h"

#include <bit>
#include <cstring>

#include "bigmac/base/error.h"
#include "bigmac/profiler/byte_source.h"

namespace bigmac {
namespace {

constexpr std::size_t kMaxValues = std::size_t{1} << 27;

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  Pickle run() {
    for (;;) {
      begin_ = at_;
      const auto opcode = static_cast<unsigned char>(take(1)[0]);
      if (opcode == '.') break;
      if (!scalar(opcode) && !text(opcode) && !container(opcode) && !memo(opcode)) refuse(opcode);
      if (out_.values.size() > kMaxValues) fail("more than 134,217,728 values");
    }
    if (stack_.empty() || out_.values[stack_.back()].type == PickleType::mark) fail("STOP without a value");
    out_.root = stack_.back();
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { bad_input(at_byte(file_, begin_), what); }

  [[noreturn]] void refuse(unsigned char opcode) const {
    constexpr std::string_view kRunsCode = "cioRbQP\x81\x82\x83\x84\x92\x93";
    const std::string number = std::to_string(opcode);
    if (kRunsCode.find(static_cast<char>(opcode)) != std::string_view::npos)
      fail("pickle opcode " + number + " imports or calls something; only plain data is read");
    fail("unknown pickle opcode " + number);
  }

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) fail("the pickle ends early");
    const std::string_view taken = bytes_.substr(at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return taken;
  }

  std::uint64_t number(std::size_t size) {
    const std::string_view raw = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }

  void push(PickleType type, std::int64_t content) {
    stack_.push_back(static_cast<PickleId>(out_.values.size()));
    out_.values.push_back({type, content});
  }

  PickleId pop() {
    if (stack_.empty()) fail("the stack is empty");
    const PickleId top = stack_.back();
    stack_.pop_back();
    return top;
  }

  bool scalar(unsigned char opcode) {
    switch (opcode) {
      case 0x80: take(1); return true;  // PROTO
      case 0x95: take(8); return true;  // FRAME
      case 'N': push(PickleType::none, 0); return true;
      case 0x88: push(PickleType::boolean, 1); return true;
      case 0x89: push(PickleType::boolean, 0); return true;
      case 'J': push(PickleType::integer, static_cast<std::int32_t>(number(4))); return true;
      case 'K': push(PickleType::integer, static_cast<std::int64_t>(number(1))); return true;
      case 'M': push(PickleType::integer, static_cast<std::int64_t>(number(2))); return true;
      case 0x8a: long_integer(number(1)); return true;
      case 0x8b: long_integer(number(4)); return true;
      case 'G': real(); return true;
      default: return false;
    }
  }

  /// Two's complement, little-endian. Addresses reach 64 bits without sign: they keep their bits.
  void long_integer(std::uint64_t size) {
    if (size > 9) fail("an integer of more than 64 bits");
    const std::string_view raw = take(size);
    std::uint64_t value = size > 0 && (raw.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = raw.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
    push(PickleType::integer, static_cast<std::int64_t>(value));
  }

  void real() {  // big-endian, alone among the opcodes
    const std::string_view raw = take(8);
    std::uint64_t bits = 0;
    for (const char c : raw) bits = bits << 8 | static_cast<unsigned char>(c);
    push(PickleType::real, static_cast<std::int64_t>(bits));
  }

  bool text(unsigned char opcode) {
    switch (opcode) {
      case 0x8c: string(PickleType::text, number(1)); return true;
      case 'X': string(PickleType::text, number(4)); return true;
      case 0x8d: string(PickleType::text, number(8)); return true;
      case 'C':
      case 'U': string(PickleType::bytes, number(1)); return true;
      case 'B':
      case 'T': string(PickleType::bytes, number(4)); return true;
      case 0x8e:
      case 0x96: string(PickleType::bytes, number(8)); return true;
      default: return false;
    }
  }

  void string(PickleType type, std::uint64_t size) {
    out_.texts.push_back(take(size));
    push(type, static_cast<std::int64_t>(out_.texts.size()) - 1);
  }

  bool container(unsigned char opcode) {
    switch (opcode) {
      case '(': push(PickleType::mark, 0); return true;
      case ']': list(PickleType::list, {}); return true;
      case ')': list(PickleType::tuple, {}); return true;
      case 0x85:
      case 0x86:
      case 0x87: small_tuple(opcode - 0x84U); return true;
      case 't': list(PickleType::tuple, since_mark()); return true;
      case 'l': list(PickleType::list, since_mark()); return true;
      case '}':
        out_.dictionaries.emplace_back();
        push(PickleType::dictionary, static_cast<std::int64_t>(out_.dictionaries.size()) - 1);
        return true;
      case 'a': append({pop()}); return true;
      case 'e': append(since_mark()); return true;
      case 's': {
        const PickleId value = pop(), key = pop();
        set({key, value});
        return true;
      }
      case 'u': set(since_mark()); return true;
      case '0': pop(); return true;
      default: return false;
    }
  }

  void list(PickleType type, std::vector<PickleId> items) {
    out_.lists.push_back(std::move(items));
    push(type, static_cast<std::int64_t>(out_.lists.size()) - 1);
  }

  void small_tuple(unsigned size) {
    std::vector<PickleId> items(size);
    for (unsigned i = size; i-- > 0;) items[i] = pop();
    list(PickleType::tuple, std::move(items));
  }

  std::vector<PickleId> since_mark() {
    std::size_t mark = stack_.size();
    while (mark > 0 && out_.values[stack_[mark - 1]].type != PickleType::mark) --mark;
    if (mark == 0) fail("no MARK on the stack");
    std::vector<PickleId> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark - 1);
    return items;
  }

  const PickleValue& top(PickleType expected, const char* what) const {
    if (stack_.empty() || out_.values[stack_.back()].type != expected) fail(std::string("expected ") + what);
    return out_.values[stack_.back()];
  }

  void append(const std::vector<PickleId>& items) {
    auto& target = out_.lists[static_cast<std::size_t>(top(PickleType::list, "a list to append to").number)];
    target.insert(target.end(), items.begin(), items.end());
  }

  void set(const std::vector<PickleId>& items) {
    if (items.size() % 2 != 0) fail("a key without a value");
    auto& target =
        out_.dictionaries[static_cast<std::size_t>(top(PickleType::dictionary, "a dictionary to set items of").number)];
    for (std::size_t i = 0; i < items.size(); i += 2) target.emplace_back(items[i], items[i + 1]);
  }

  bool memo(unsigned char opcode) {
    switch (opcode) {
      case 0x94: keep(memo_.size()); return true;
      case 'q': keep(number(1)); return true;
      case 'r': keep(number(4)); return true;
      case 'h': recall(number(1)); return true;
      case 'j': recall(number(4)); return true;
      default: return false;
    }
  }

  void keep(std::uint64_t place) {
    if (stack_.empty() || place > memo_.size() + kMaxValues / 64) fail("nothing to remember, or far out of order");
    if (place >= memo_.size()) memo_.resize(static_cast<std::size_t>(place) + 1, kNothing);
    memo_[static_cast<std::size_t>(place)] = stack_.back();
  }

  void recall(std::uint64_t place) {
    if (place >= memo_.size() || memo_[static_cast<std::size_t>(place)] == kNothing)
      fail("never remembered: " + std::to_string(place));
    stack_.push_back(memo_[static_cast<std::size_t>(place)]);
    if (stack_.size() > kMaxValues) fail("more than 134,217,728 values on the stack");
  }

  static constexpr PickleId kNothing = UINT32_MAX;

  std::string_view bytes_;
  const std::string& file_;
  std::size_t at_ = 0, begin_ = 0;
  std::vector<PickleId> stack_, memo_;
  Pickle out_;
};

}  // namespace

Pickle parse_pickle(std::string_view bytes, const std::string& file) { return Machine(bytes, file).run(); }

}  // namespace bigmac
