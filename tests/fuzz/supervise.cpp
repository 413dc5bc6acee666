#include "tests/fuzz/supervise.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

#if defined(__SANITIZE_ADDRESS__)
#define REFCALIB_FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REFCALIB_FUZZ_ASAN 1
#endif
#endif

#ifdef REFCALIB_FUZZ_ASAN
extern "C" const char* __asan_default_options();
/// An allocation above the limit ends the process with a report instead of giving a null pointer.
extern "C" const char* __asan_default_options() {
  return "max_allocation_size_mb=1024:allocator_may_return_null=0:detect_leaks=0";
}
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

namespace refcalib_fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBatch = 400;
constexpr int kProcessorSeconds = 5, kWallSeconds = 60;
constexpr rlim_t kAddressSpace = rlim_t{4} << 30;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// What a child leaves behind of each case, in memory that it shares with its parent.
struct Slot {
  Verdict verdict;
  Stage stage;
  bool done;
  char message[509];
};

class Slots {
 public:
  explicit Slots(std::uint64_t count) : bytes_(sizeof(Slot) * std::max<std::uint64_t>(count, 1)) {
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    slots_ = static_cast<Slot*>(memory);
  }
  ~Slots() { ::munmap(slots_, bytes_); }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  Slot& operator[](std::uint64_t i) const noexcept { return slots_[i]; }

 private:
  std::size_t bytes_;
  Slot* slots_ = nullptr;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "refcalib_fuzz_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) fail("mkdtemp");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

void write_file(const fs::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) fail("cannot write the files of a case");
}

void write_model(const fs::path& stem, const ModelFiles& model) {
  write_file(stem.string() + model.extension, model.xml);
  if (model.extension == ".xml") write_file(stem.string() + ".bin", model.bin);
  if (model.extension == ".prototxt") write_file(stem.string() + ".caffemodel", model.bin);
}

/// Ends the process when that time is over: SIGPROF by processor time, SIGALRM if it waits for ever. Zero disarms.
void set_timers(int processor_seconds, int wall_seconds) {
  const itimerval processor = {{0, 0}, {processor_seconds, 0}};
  const itimerval wall = {{0, 0}, {wall_seconds, 0}};
  ::setitimer(ITIMER_PROF, &processor, nullptr);
  ::setitimer(ITIMER_REAL, &wall, nullptr);
}

void prepare_child(const fs::path& log) {
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file >= 0) ::dup2(file, STDERR_FILENO);
  const rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const rlimit space = {kAddressSpace, kAddressSpace};
  if (!kSanitized) ::setrlimit(RLIMIT_AS, &space);
}

void note(Slot& slot, const Outcome& outcome) {
  slot.verdict = outcome.verdict;
  slot.stage = outcome.stage;
  const std::size_t length = std::min(outcome.message.size(), sizeof slot.message - 1);
  std::memcpy(slot.message, outcome.message.data(), length);
  slot.message[length] = '\0';
  slot.done = true;
}

/// The line of a sanitizer's report that says what happened, with the first frame in the engine.
std::string report_line(const fs::path& log) {
  std::ifstream file(log);
  std::string line, found;
  while (std::getline(file, line)) {
    const bool headline = line.find("ERROR: ") != std::string::npos ||
                          line.find("runtime error: ") != std::string::npos ||
                          line.find("terminate called") != std::string::npos;
    if (headline && found.empty()) found = line;
    const bool frame = line.find("    #") == 0 && line.find("/engine/") != std::string::npos;
    if (frame && !found.empty()) return found + " @" + line.substr(line.rfind("/engine/"));
  }
  return found;
}

std::string death(int status, const fs::path& log) {
  std::string text = report_line(log);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const bool late = signal == SIGPROF || signal == SIGALRM;
    text = (late ? "hangs: " : "killed: ") + std::string(::strsignal(signal)) + " " + text;
  } else if (text.empty()) {
    text = "the process ended with code " + std::to_string(WEXITSTATUS(status));
  }
  return text;
}

class Supervisor {
 public:
  explicit Supervisor(const Loop& loop) : loop_(loop), slots_(loop.count), stem_(folder_.path() / "case") {
    if (!loop_.keep.empty()) fs::create_directories(loop_.keep);
  }

  std::vector<Record> run() {
    std::uint64_t next = 0;
    while (next < loop_.count) next = batch(next, std::min(next + kBatch, loop_.count));
    std::vector<Record> records;
    for (std::uint64_t i = 0; i < loop_.count; ++i) {
      const Slot& slot = slots_[i];
      records.push_back({loop_.first + i, {slot.verdict, slot.stage, slot.message}});
    }
    return records;
  }

 private:
  fs::path log() const { return folder_.path() / "log"; }

  /// Runs cases until all are done or one ends the child; returns the case to go on with.
  std::uint64_t batch(std::uint64_t begin, std::uint64_t end) {
    const pid_t child = ::fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      prepare_child(log());
      for (std::uint64_t i = begin; i < end; ++i) run_one(i);
      ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
      if (errno != EINTR) fail("waitpid");
    while (begin < end && slots_[begin].done) keep_defect(begin++, false);
    if (begin == end) return end;
    note(slots_[begin], {Verdict::defect, slots_[begin].stage, death(status, log())});
    keep_defect(begin, true);
    return begin + 1;
  }

  void run_one(std::uint64_t i) const {
    const std::uint64_t number = loop_.first + i;
    set_timers(kProcessorSeconds, kWallSeconds);
    const ModelFiles model = loop_.make(number);
    write_model(stem_, model);
    note(slots_[i], loop_.run(stem_.string() + model.extension, number));
    set_timers(0, 0);
  }

  void keep_defect(std::uint64_t i, bool died) const {
    if (slots_[i].verdict != Verdict::defect || loop_.keep.empty()) return;
    const std::uint64_t number = loop_.first + i;
    const fs::path stem = loop_.keep / ("case_" + std::to_string(number));
    write_model(stem, loop_.make(number));
    if (!died) return;
    std::error_code ignored;
    fs::copy_file(log(), stem.string() + ".log", fs::copy_options::overwrite_existing, ignored);
  }

  const Loop& loop_;
  Slots slots_;
  TemporaryFolder folder_;
  fs::path stem_;
};

}  // namespace

std::vector<Record> supervise(const Loop& loop) {
  return Supervisor(loop).run();
}

}  // namespace refcalib_fuzz
