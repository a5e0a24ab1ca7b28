// bigmac-run: executes schedule files for real, one process per rank (mpirun -n P bigmac-run FILE... --mode MODE).
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bigmac/base/json_reader.h"
#include "bigmac/runner/run.h"
#include "program.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string mode = "compute";
  bool synchronous = false, json = false;
  runner::RunOptions run;
  double silence_seconds = 5;
};

/// A file that has passed every check.
struct Checked {
  std::string name;
  ReadSchedule read;
  Outcome outcome;
};

/// Rank 0 reads, so that every rank judges the same bytes, wherever the file lies.
std::string read_on_rank_0(runner::Session& session, const std::string& name) {
  std::string text;
  if (session.rank().value == 0) {
    try {
      text = "+" + read_text_file(name);
    } catch (const Error& error) {
      text = std::string("-") + error.what();
    }
  }
  text = session.broadcast(text);
  if (text[0] == '-') bad_input("", text.substr(1));
  return text.substr(1);
}

/// Everything that `bigmac-sim check` asks, and the number of ranks.
std::variant<Checked, Fault> check(runner::Session& session, const std::string& name) {
  Checked out{name, parse_schedule(read_on_rank_0(session, name), name), {}};
  const ScheduleFile& file = out.read.file;
  if (file.pipeline.ranks != session.size())
    bad_input(name, fmt::format("is for {} ranks, {} processes were started; expected mpirun -n {}",
                                file.pipeline.ranks, session.size(), file.pipeline.ranks));
  if (file.pipeline.encoder_stages() > 1)
    bad_input(name, fmt::format("has an encoder of {} stages; expected encoders that run whole on one rank",
                                file.pipeline.encoder_stages()));
  if (auto fault = find_incompleteness(file.pipeline, file.schedule)) return *fault;
  auto result = simulate_quickly(file.pipeline, file.costs, file.schedule);
  if (auto* fault = std::get_if<Fault>(&result)) return *fault;
  out.outcome = std::move(std::get<Outcome>(result));
  if (const auto disagreement = find_disagreement(out.read, out.outcome))
    throw Error(ErrorCode::bad_schedule, "", "invalid schedule: the file disagrees with itself: " + *disagreement);
  runner::refuse_too_many_products(file.pipeline, session.largest_tag());
  return out;
}

int run_files(runner::Session& session, const Options& options) {
  const bool first = session.rank().value == 0;
  std::vector<Checked> checked;
  for (const std::string& name : options.files) {
    auto result = check(session, name);
    if (const auto* fault = std::get_if<Fault>(&result)) return first ? report_fault(*fault) : kInvalidSchedule;
    checked.push_back(std::move(std::get<Checked>(result)));
  }
  int code = kDone;
  for (const Checked& c : checked) {
    const runner::RunReport report = options.mode == "compute"
                                         ? runner::run_compute(session, c.read.file, options.run)
                                         : runner::run_sleep(session, c.read.file, c.outcome, options.run);
    if (!report.failures.empty()) code = kInternalError;
    if (first)
      fmt::print("{}", options.json ? runner::run_json(c.name, c.read.file, report)
                                    : runner::run_table(c.name, c.read.file, report));
    std::fflush(stdout);
  }
  return code;
}

void define(CLI::App& app, Options& options) {
  app.add_option("SCHEDULE", options.files, "schedule files, schema bigmac.schedule/1, run one after another")
      ->required();
  app.add_option("--mode", options.mode,
                 "compute: one training step of a small multimodal model, compared with the same model run plainly; "
                 "sleep: every operation and transfer takes its planned time")
      ->check(CLI::IsMember({"compute", "sleep"}))
      ->capture_default_str();
  app.add_flag("--synchronous", options.synchronous, "send with MPI_Issend: no message is ever buffered");
  app.add_option("--seed", options.run.seed, "of weights and data (compute)")->capture_default_str();
  app.add_option("--scale", options.run.scale, "seconds slept per planned second (sleep)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--silence", options.silence_seconds, "seconds without a sign of life after which a rank is given up")
      ->check(CLI::Range(1.0, 3600.0))
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object a line for each file");
}

/// Parsed before MPI starts; what is to be said about it waits until rank 0 is known.
int main_program(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Executes schedule files for real: mpirun -n RANKS bigmac-run SCHEDULE... (add --oversubscribe where "
      "there are fewer cores)",
      "bigmac-run");
  define(app, options);
  std::optional<CLI::Success> wanted;
  std::string wrong;
  describe_itself(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    wrong = std::string(error.what()) + " (see --help)";
  }
  options.run.send = options.synchronous ? runner::SendMode::synchronous : runner::SendMode::standard;
  runner::Session session(&argc, &argv, std::chrono::milliseconds(static_cast<int>(1000 * options.silence_seconds)));
  const auto said_by = [&](bool speaks, const auto& error) {
    if (speaks) fmt::print(stderr, "error: {}\n", error.what());
  };
  try {
    if (!wrong.empty()) bad_input("", wrong);
    return run_files(session, options);
  } catch (const Error& error) {  // the same on every rank
    said_by(session.rank().value == 0, error);
    return exit_code(error);
  } catch (const runner::RankLost& lost) {
    said_by(true, lost);
    session.abort(kInternalError);
  } catch (const std::exception& error) {  // of this rank alone: the others cannot go on
    said_by(true, error);
    session.abort(kInternalError);
  }
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) { return bigmac::apps::main_program(argc, argv); }
