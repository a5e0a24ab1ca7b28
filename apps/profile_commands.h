// The subcommands of bigmac-profile: each registers its options and what it does, one file each.
#pragma once

#include <functional>
#include <map>

#include <CLI/CLI.hpp>

namespace bigmac::apps {

/// A subcommand and what to run when it was asked for; returns the exit code.
using ProfileCommands = std::map<CLI::App*, std::function<int()>>;

void add_import_command(CLI::App& app, ProfileCommands& commands);
void add_layers_command(CLI::App& app, ProfileCommands& commands);
void add_memory_command(CLI::App& app, ProfileCommands& commands);
void add_run_command(CLI::App& app, ProfileCommands& commands);
void add_measure_command(CLI::App& app, ProfileCommands& commands);

}  // namespace bigmac::apps
