#include "tests/apps/cli_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace refcalib_test {
namespace {

/// A child process with its two outputs in pipes.
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
        const std::string& out_path, std::size_t file_limit) {
    if (pipe(out_.data()) != 0 || pipe(err_.data()) != 0) throw std::runtime_error("no pipe");
    process_ = fork();
    if (process_ < 0) throw std::runtime_error("no process");
    if (process_ == 0) become(arguments, environment, out_path, file_limit);
    close(out_[1]);
    close(err_[1]);
  }

  /// Reads both outputs until the child closes them; calls `seen` whenever more arrived. Kills the child after `life` milliseconds;
  /// negative: never.
  template <class F>
  Outcome finish(const F& seen, int life = -1) {
    Outcome outcome;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(life);
    const auto left = [&] {
      const auto time =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      return std::max(0, static_cast<int>(time.count()));
    };
    std::array<pollfd, 2> files{{{out_[0], POLLIN, 0}, {err_[0], POLLIN, 0}}};
    for (int open = 2; open > 0;) {
      if (poll(files.data(), files.size(), life < 0 ? -1 : left()) == 0) {
        kill(process_, SIGKILL);
        life = -1;
        continue;
      }
      for (std::size_t i = 0; i < 2; ++i) {
        if (files[i].fd < 0 || files[i].revents == 0) continue;
        std::array<char, 4096> buffer{};
        const ssize_t count = read(files[i].fd, buffer.data(), buffer.size());
        if (count <= 0) {
          close(files[i].fd);
          files[i].fd = -1;
          --open;
          continue;
        }
        (i == 0 ? outcome.out : outcome.err).append(buffer.data(), static_cast<std::size_t>(count));
        seen(outcome, process_);
      }
    }
    int status = 0;
    waitpid(process_, &status, 0);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
  }

 private:
  [[noreturn]] void become(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment, const std::string& out_path,
                           std::size_t file_limit) {
    std::vector<std::string> words{REFCALIB_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    for (const std::string& entry : environment) {
      const std::size_t equals = entry.find('=');
      setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
    }
    const int out = out_path.empty() ? out_[1] : open(out_path.c_str(), O_WRONLY);
    if (file_limit > 0) {
      const rlimit limit{file_limit, file_limit};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    dup2(out, STDOUT_FILENO);
    dup2(err_[1], STDERR_FILENO);
    execv(REFCALIB_PROGRAM, pointers.data());
    _exit(127);
  }

  std::array<int, 2> out_{}, err_{};
  pid_t process_ = -1;
};

}  // namespace

Outcome run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                    const std::string& out_path, std::size_t file_limit) {
  return Child(arguments, environment, out_path, file_limit).finish([](const Outcome&, pid_t) {});
}

Outcome run_and_signal(const std::vector<std::string>& arguments, const std::string& cue, int signal) {
  bool sent = false;
  return Child(arguments, {}, {}, 0).finish([&](const Outcome& so_far, pid_t process) {
    if (sent || so_far.err.find(cue) == std::string::npos) return;
    sent = true;
    kill(process, signal);
  });
}

Outcome run_and_kill(const std::vector<std::string>& arguments, int milliseconds) {
  return Child(arguments, {}, {}, 0).finish([](const Outcome&, pid_t) {}, milliseconds);
}

std::string example(const std::string& name) {
  return std::string(REFCALIB_SOURCE_DIR) + "/examples/model/" + name;
}

std::size_t lines_with(const std::string& text, const std::string& prefix) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text.compare(at, prefix.size(), prefix) == 0) ++count;
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return count;
}

}  // namespace refcalib_test
