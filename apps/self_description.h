// A program's command line: its version, manual page and shell completions, made of the same names and texts as its
// --help; and how it is read.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace bigmac::apps {

/// What an option may be followed by: "--schedule" -> the schedules' names. Others take files.
using KnownValues = std::map<std::string, std::vector<std::string>>;

/// What follows --schedule and --base.
KnownValues schedule_values();

/// roff, section 1.
std::string manual_page(const CLI::App& app);

/// For "bash", "zsh" or "fish"; throws Error{bad_input} for others.
std::string completion_script(const CLI::App& app, const KnownValues& values, const std::string& shell);

/// Adds --version, and the flags --man and --completion SHELL, which print the above; the build calls those, --help
/// does not show them.
void describe_itself(CLI::App& app, const KnownValues& values = {});

/// Reads the command line. An exit code where it asked for nothing but words (--help, --version); throws
/// Error{bad_input} where it is wrong.
std::optional<int> parse_command_line(CLI::App& app, int argc, char** argv);

}  // namespace bigmac::apps
