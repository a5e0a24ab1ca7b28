#include <fmt/format.h>

#include "bigmac/report/schedule_file.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

/// Text as roff wants it: no line starts with a dot, hyphens stay hyphens.
std::string roff(const std::string& text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
  }
  return out;
}

void options(const CLI::App& app, std::string& out) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    const std::string name = option->get_positional() ? option->get_name(true) : option->get_name(false, true);
    const bool flag = option->get_type_name().empty();
    const std::string value = option->get_positional() || flag ? "" : " " + option->get_type_name();
    out += fmt::format(".TP\n.B {}{}\n{}\n", roff(name), value, roff(option->get_description()));
  }
}

}  // namespace

std::string manual_page(const CLI::App& app) {
  std::string out = fmt::format(".TH {} 1 \"\" \"bigmac {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n", app.get_name(),
                                kVersion, roff(app.get_name()), roff(app.get_description()));
  const auto commands = app.get_subcommands({});
  out += fmt::format(".SH SYNOPSIS\n.B {}\n{}[OPTION]...\n", roff(app.get_name()), commands.empty() ? "" : "COMMAND ");
  out += ".SH OPTIONS\n";
  options(app, out);
  if (!commands.empty()) out += ".SH COMMANDS\n";
  for (const CLI::App* command : commands) {
    out += fmt::format(".SS {} {}\n{}\n", roff(app.get_name()), roff(command->get_name()),
                       roff(command->get_description()));
    options(*command, out);
  }
  out += ".SH EXIT STATUS\n0 done; 1 internal error; 2 bad input; 3 no feasible plan; 4 the schedule is invalid.\n";
  return out;
}

}  // namespace bigmac::apps
