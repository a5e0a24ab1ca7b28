// bigmac-profile import: what a recording holds, whoever wrote it.
#include <memory>

#include <fmt/format.h>

#include "bigmac/profiler/import.h"
#include "profile_commands.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct ImportOptions {
  std::string file;
};

int import(const ImportOptions& options) {
  const Trace trace = import_trace(options.file);
  for (const std::string& text : trace.notes) note(text);
  fmt::print("{} records, {} events, {} threads and streams\n", trace.records, trace.events.size(), trace.lanes.size());
  return kDone;
}

}  // namespace

void add_import_command(CLI::App& app, ProfileCommands& commands) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand("import", "read a recording and say what it holds");
  command->add_option("TRACE", options->file, "bigmac.trace/1, plain or .gz")->required();
  commands[command] = [options] { return import(*options); };
}

}  // namespace bigmac::apps
