#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "bigmac/base/error.h"
#include "bigmac/profiler/launch.h"

namespace bigmac {
namespace {

// A signal handler can reach nothing but statics.
volatile sig_atomic_t child_pid = 0;
extern "C" void pass_on(int signal) {
  if (child_pid > 0) kill(static_cast<pid_t>(child_pid), signal);
}

constexpr int kIgnored[] = {SIGINT, SIGQUIT};  // the terminal sends them to the child itself
constexpr int kPassedOn[] = {SIGTERM, SIGHUP};

/// While it lives, signals go to the child. Dispositions are put back at the end.
class SignalsToChild {
 public:
  SignalsToChild() {
    sigemptyset(&changed_);
    for (const int signal : kIgnored) set(signal, SIG_IGN);
    for (const int signal : kPassedOn) set(signal, pass_on);
  }
  ~SignalsToChild() {
    for (int i = 0; i < count_; ++i) sigaction(before_[i].signal, &before_[i].action, nullptr);
    child_pid = 0;
  }
  SignalsToChild(const SignalsToChild&) = delete;
  SignalsToChild& operator=(const SignalsToChild&) = delete;

  /// Those that the child must find in their default state. What was ignored when we began stays ignored (nohup).
  const sigset_t& changed() const { return changed_; }

 private:
  void set(int signal, void (*handler)(int)) {
    struct sigaction action {};
    sigaction(signal, nullptr, &before_[count_].action);
    if (before_[count_].action.sa_handler == SIG_IGN) return;
    before_[count_++].signal = signal;
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(signal, &action, nullptr);
    sigaddset(&changed_, signal);
  }

  struct Before {
    int signal;
    struct sigaction action;
  };
  Before before_[4] = {};
  int count_ = 0;
  sigset_t changed_{};
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& more) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!more.contains(text.substr(0, text.find('=')))) out.push_back(text);
  }
  for (const auto& [name, value] : more) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

pid_t spawn(std::vector<std::string> command, std::vector<std::string> environment, const sigset_t& defaults) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const auto arguments = pointers(command);
  const auto variables = pointers(environment);
  pid_t pid = 0;
  const int failure = posix_spawnp(&pid, command[0].c_str(), nullptr, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) bad_input(command[0], std::string("cannot be started: ") + std::strerror(failure));
  return pid;
}

}  // namespace

ChildEnd run_child(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment) {
  if (command.empty()) bad_input("", "expected a command to run, after --");
  const auto start = std::chrono::steady_clock::now();
  const SignalsToChild signals;
  const pid_t pid = spawn(command, merged_environment(environment), signals.changed());
  child_pid = pid;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  ChildEnd end;
  end.wall_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  end.exit_code = end.signal ? 128 + *end.signal : WEXITSTATUS(status);
  return end;
}

}  // namespace bigmac
