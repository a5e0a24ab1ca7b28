// bigmac-profile: what a GPU really takes. Reads recordings, attributes them to layers, writes cost tables.
#include "profile_commands.h"
#include "program.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

int main_program(int argc, char** argv) {
  CLI::App app("Measures costs on a GPU, or imports recordings into a cost table", "bigmac-profile");
  app.require_subcommand(1);
  ProfileCommands commands;
  add_run_command(app, commands);
  add_measure_command(app, commands);
  add_import_command(app, commands);
  add_layers_command(app, commands);
  add_memory_command(app, commands);
  describe_itself(app);
  if (const auto code = parse_command_line(app, argc, argv)) return *code;
  for (const auto& [command, run] : commands)
    if (command->parsed()) return run();
  return kInternalError;
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return bigmac::apps::main_program(argc, argv); });
}
