#include "event_stream.h"

#include <algorithm>
#include <cstring>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;
constexpr std::size_t kLargestEvent = std::size_t{64} << 20;
constexpr std::size_t kLargestMember = std::size_t{4} << 20;
constexpr std::size_t kLargestKey = 4096;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class Stream {
 public:
  Stream(ByteSource& source, EventSink& sink)
      : source_(source), sink_(sink), buffer_(kWindow + kWindowPadding), limit_(kWindow) {}

  void run() {
    skip_space();
    const char first = next("a JSON object or a list of events");
    if (first == '[') events();
    else if (first == '{') members();
    else fail(offset() - 1, "expected a JSON object or a list of events");
    skip_space();
    if (at_ < used_) fail(offset(), "something follows the end of the recording");
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, const std::string& what) const {
    bad_input(at_byte(source_.file(), offset), what);
  }
  [[noreturn]] void fail_end(const std::string& what) const { fail(offset(), "the file ends early; expected " + what); }

  std::uint64_t offset() const { return begin_ + at_; }

  /// Drops what lies before `at_`, one byte excepted, and reads more; false at the end of the file.
  bool fill() {
    const std::size_t drop = at_ > 0 ? at_ - 1 : 0;
    std::memmove(buffer_.data(), buffer_.data() + drop, used_ - drop);
    used_ -= drop;
    at_ -= drop;
    begin_ += drop;
    const std::size_t got = source_.read(buffer_.data() + used_, limit_ - used_);
    used_ += got;
    return got > 0;
  }

  bool more() { return at_ < used_ || fill(); }

  void skip_space() {
    while (more() && is_space(buffer_[at_])) ++at_;
  }

  char next(const std::string& expected) {
    if (!more()) fail_end(expected);
    return buffer_[at_++];
  }

  void expect(char c) {
    skip_space();
    const std::string wanted = std::string("'") + c + "'";
    if (next(wanted) != c) fail(offset() - 1, "expected " + wanted);
  }

  void members() {
    bool has_events = false;
    skip_space();
    if (next("'}'") == '}') fail(offset() - 1, "expected a member 'traceEvents'");
    for (--at_;;) {
      expect('"');
      const std::string key = read_key();
      expect(':');
      skip_space();
      if (key == "traceEvents") {
        if (has_events) fail(offset(), "a second 'traceEvents'");
        expect('[');
        events();
        has_events = true;
      } else {
        read_member(key);
      }
      skip_space();
      const char c = next("',' or '}'");
      if (c == '}') break;
      if (c != ',') fail(offset() - 1, "expected ',' or '}'");
      skip_space();
    }
    if (!has_events) fail(offset(), "expected a member 'traceEvents'");
  }

  std::string read_key() {
    std::string key;
    for (char c = next("'\"'"); c != '"'; c = next("'\"'")) {
      key += c;
      if (c == '\\') key += next("an escaped character");
      if (key.size() > kLargestKey) fail(offset(), "a member's name longer than 4096 bytes");
    }
    return key;
  }

  /// The value is followed through strings and brackets; what it holds is for the sink to parse.
  void read_member(const std::string& key) {
    const std::uint64_t from = offset();
    std::string text;
    int depth = 0;
    bool quoted = false;
    for (;;) {
      const char c = next("the value of '" + key + "'");
      if (!quoted && depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      if (text.size() <= kLargestMember) text += c;
      if (c == '"') quoted = !quoted;
      if (quoted && c == '\\') {
        const char escaped = next("an escaped character");
        if (text.size() <= kLargestMember) text += escaped;
      }
      if (quoted) continue;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth > kMaxNesting) fail(from, "nested deeper than " + std::to_string(kMaxNesting));
    }
    --at_;
    if (text.empty()) fail(from, "expected a value");
    if (text.size() <= kLargestMember) sink_.member(key, text, from);
  }

  void events() {
    bool first = true, ended = false;
    for (;;) {
      scan_brackets(buffer_.data(), at_, used_, scan_);
      if (scan_.too_deep) fail(begin_ + scan_.fault, "nested deeper than " + std::to_string(kMaxNesting));
      if (!scan_.begins.empty()) {
        check_gap(at_, scan_.begins.front(), first ? 0 : 1);
        hand_over();
        first = false;
      }
      if (scan_.closed) return close();
      if (ended) fail(begin_ + used_, "the file ends early, inside the list of events");
      read_on(ended);
    }
  }

  /// After the window's events: more text, in a larger window where not even one event was whole.
  void read_on(bool& ended) {
    if (used_ == limit_ && scan_.begins.empty() && at_ <= 1) grow();
    ended = !fill();
  }

  void grow() {
    if (limit_ >= kLargestEvent) fail(offset(), "an event longer than 64 MiB");
    limit_ *= 2;
    buffer_.resize(limit_ + kWindowPadding);
  }

  /// Only white space and `commas` commas may stand between events.
  void check_gap(std::size_t from, std::size_t to, int commas) const {
    int found = 0;
    for (std::size_t i = from; i < to; ++i) {
      if (buffer_[i] == ',' && found < commas) ++found;
      else if (!is_space(buffer_[i])) fail(begin_ + i, "expected an event, a JSON object");
    }
    if (found < commas) fail(begin_ + to, "expected ',' between events");
  }

  void hand_over() {
    const std::size_t from = scan_.begins.front() - 1, to = scan_.end;
    const char before = buffer_[from], after = buffer_[to];
    buffer_[from] = '[';
    buffer_[to] = ']';
    for (std::uint32_t& begin : scan_.begins) begin -= static_cast<std::uint32_t>(from);
    sink_.events({buffer_.data() + from, to + 1 - from, &scan_.begins, begin_ + from});
    buffer_[from] = before;
    buffer_[to] = after;
    at_ = to;
  }

  void close() {
    check_gap(at_, scan_.close, 0);
    if (buffer_[scan_.close] != ']') fail(begin_ + scan_.close, "expected ']'");
    at_ = scan_.close + 1;
  }

  ByteSource& source_;
  EventSink& sink_;
  std::vector<char> buffer_;
  std::size_t limit_;
  std::size_t used_ = 0, at_ = 0;
  std::uint64_t begin_ = 0;  ///< of the buffer in the text
  BracketScan scan_;
};

}  // namespace

void stream_events(ByteSource& source, EventSink& sink) { Stream(source, sink).run(); }

}  // namespace bigmac
