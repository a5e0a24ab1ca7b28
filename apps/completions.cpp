#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/error.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/schedule/llm_base.h"
#include "bigmac/schedule/registry.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

/// "--output" of "-o,--output"; empty for positionals.
std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
}

std::vector<const CLI::Option*> shown_options(const CLI::App& app) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty() && !long_name(*option).empty()) out.push_back(option);
  return out;
}

std::vector<std::string> words(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* command : app.get_subcommands({})) out.push_back(command->get_name());
  for (const CLI::Option* option : shown_options(app)) out.push_back(long_name(*option));
  return out;
}

std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

std::string identifier(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return "_" + name;
}

std::string bash(const CLI::App& app, const KnownValues& values) {
  std::string out = fmt::format(
      "# bash completion for {}\n{}() {{\n  local word=${{COMP_WORDS[COMP_CWORD]}} "
      "before=${{COMP_WORDS[COMP_CWORD-1]}} words\n",
      app.get_name(), identifier(app.get_name()));
  out += "  case $before in\n";
  for (const auto& [option, known] : values)
    out +=
        fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n", option, fmt::join(known, " "));
  out += "  esac\n  case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* command : app.get_subcommands({}))
    out += fmt::format("    {}) words='{}' ;;\n", command->get_name(), fmt::join(words(*command), " "));
  out += fmt::format("    *) words='{}' ;;\n  esac\n", fmt::join(words(app), " "));
  out += "  [[ $COMP_CWORD -eq 1 || $word == -* ]] && COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n";
  // Where nothing matches, files are offered.
  return out + fmt::format("complete -o default -F {} {}\n", identifier(app.get_name()), app.get_name());
}

std::string zsh_options(const CLI::App& app, const KnownValues& values) {
  std::string out;
  for (const CLI::Option* option : shown_options(app)) {
    std::string text = option->get_description();
    for (const char special : {'[', ']', ':'}) std::replace(text.begin(), text.end(), special, ' ');
    std::string spec = fmt::format("{}[{}]", long_name(*option), text);
    const auto known = values.find(long_name(*option));
    if (known != values.end()) spec += fmt::format(":value:({})", fmt::join(known->second, " "));
    else if (!option->get_type_name().empty()) spec += ":value:_files";
    out += " " + quoted(spec);
  }
  return out + " '*:file:_files'";
}

std::string zsh(const CLI::App& app, const KnownValues& values) {
  std::string out = fmt::format("#compdef {}\n", app.get_name());
  const auto commands = app.get_subcommands({});
  if (commands.empty()) return out + "_arguments" + zsh_options(app, values) + "\n";
  out += "if (( CURRENT == 2 )); then\n  local -a commands=(";
  for (const CLI::App* command : commands) out += " " + quoted(command->get_name() + ":" + command->get_description());
  out += fmt::format(")\n  _describe command commands\n  _arguments{}\n  return\nfi\n", zsh_options(app, values));
  out += "shift words; (( CURRENT-- ))\ncase $words[1] in\n";
  for (const CLI::App* command : commands)
    out += fmt::format("  {}) _arguments{} ;;\n", command->get_name(), zsh_options(*command, values));
  return out + "esac\n";
}

void fish_options(const CLI::App& app, const KnownValues& values, const std::string& start, std::string& out) {
  for (const CLI::Option* option : shown_options(app)) {
    out += fmt::format("{} -l {} -d {}", start, option->get_lnames().front(), quoted(option->get_description()));
    const auto known = values.find(long_name(*option));
    if (known != values.end()) out += fmt::format(" -x -a '{}'", fmt::join(known->second, " "));
    else if (!option->get_type_name().empty()) out += " -r";
    out += "\n";
  }
}

std::string fish(const CLI::App& app, const KnownValues& values) {
  const std::string start = "complete -c " + app.get_name();
  std::string out = fmt::format("# fish completion for {}\n", app.get_name());
  const auto commands = app.get_subcommands({});
  fish_options(app, values, commands.empty() ? start : start + " -n __fish_use_subcommand", out);
  for (const CLI::App* command : commands) {
    out += fmt::format("{} -f -n __fish_use_subcommand -a {} -d {}\n", start, command->get_name(),
                       quoted(command->get_description()));
    fish_options(*command, values, fmt::format("{} -n '__fish_seen_subcommand_from {}'", start, command->get_name()),
                 out);
  }
  return out;
}

}  // namespace

KnownValues schedule_values() {
  std::vector<std::string> schedules, bases;
  for (const ScheduleInfo& info : all_schedules()) schedules.push_back(info.name);
  for (const LlmBase& base : all_llm_bases()) bases.push_back(base.name);
  return {{"--schedule", schedules}, {"--base", bases}};
}

std::string completion_script(const CLI::App& app, const KnownValues& values, const std::string& shell) {
  if (shell == "bash") return bash(app, values);
  if (shell == "zsh") return zsh(app, values);
  if (shell == "fish") return fish(app, values);
  bad_input("--completion", unknown_name("shell", shell, {"bash", "zsh", "fish"}));
}

void describe_itself(CLI::App& app, const KnownValues& values) {
  const auto print = [](const std::string& text) {
    fmt::print("{}", text);
    throw CLI::Success();
  };
  app.set_version_flag("--version", app.get_name() + " " + kVersion);
  app.add_flag_callback("--man", [&app, print] { print(manual_page(app)); })->group("")->trigger_on_parse();
  app.add_option_function<std::string>(
         "--completion",
         [&app, values, print](const std::string& shell) { print(completion_script(app, values, shell)); })
      ->group("")
      ->trigger_on_parse();
}

std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    bad_input("", std::string(error.what()) + " (see --help)");
  }
  return std::nullopt;
}

}  // namespace bigmac::apps
