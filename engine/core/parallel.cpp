#include "engine/core/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "engine/core/error.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace refcalib::engine {
namespace {

// Long enough to bridge the gaps between the layers of a network, short enough that an idle Session costs
// nothing.
constexpr std::chrono::microseconds spin_time{40};
constexpr int pauses_per_clock_reading = 16;

void pause_briefly() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waits until `value` differs from `old` and returns it: first spinning, then asleep.
std::uint32_t wait_for_change(const std::atomic<std::uint32_t>& value, std::uint32_t old,
                              bool spin) noexcept {
  std::uint32_t now = value.load(std::memory_order_acquire);
  if (spin && now == old) {
    const auto limit = std::chrono::steady_clock::now() + spin_time;
    do {
      for (int i = 0; i < pauses_per_clock_reading && now == old; ++i) {
        pause_briefly();
        now = value.load(std::memory_order_acquire);
      }
    } while (now == old && std::chrono::steady_clock::now() < limit);
  }
  while (now == old) {
    value.wait(old, std::memory_order_acquire);
    now = value.load(std::memory_order_acquire);
  }
  return now;
}

struct Range {
  std::int64_t begin, end;
};

// Range of member `m` of `members`: whole grains, as even as possible.
Range member_range(std::int64_t items, std::int64_t grain, std::int64_t blocks, int members, int m) noexcept {
  const std::int64_t first = blocks / members * m + std::min<std::int64_t>(m, blocks % members);
  const std::int64_t count = blocks / members + (m < blocks % members ? 1 : 0);
  return {first * grain, std::min(items, (first + count) * grain)};
}

#if defined(__linux__)
cpu_set_t affinity_mask() noexcept {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) {
    CPU_ZERO(&mask);
  }
  return mask;
}
#endif

}  // namespace

// A run() is one "generation". The leader writes the job, then raises the ticket of each worker that has a
// range; a worker does its range and lowers `pending`. Tickets stand on cache lines of their own, and workers
// without a range are left asleep.
struct ThreadTeam::State {
  struct alignas(64) Worker {
    std::atomic<std::uint32_t> ticket{0};
    std::thread thread;
  };
  struct Job {
    std::int64_t items = 0, grain = 1, blocks = 0;
    int members = 0;
    Body body = nullptr;
    const void* context = nullptr;
  };

  int size = 1;
  bool spin = true;
  Job job;
  std::atomic<bool> stop{false};
  alignas(64) std::atomic<std::uint32_t> pending{0};
  std::vector<Worker> workers;  // worker i is member i + 1

  explicit State(int threads) : size(threads), workers(static_cast<std::size_t>(threads - 1)) {}
  ~State() { join(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void start(std::optional<int> first_core) {
    for (std::size_t i = 0; i < workers.size(); ++i) {
      const int member = static_cast<int>(i) + 1;
      workers[i].thread = std::thread([this, member, first_core] {
        if (first_core) {
          pin_this_thread(*first_core + member);
        }
        serve(member);
      });
    }
  }

  void join() noexcept {
    stop.store(true, std::memory_order_relaxed);
    for (Worker& worker : workers) {
      if (worker.thread.joinable()) {
        wake(worker);
        worker.thread.join();
      }
    }
  }

  static void wake(Worker& worker) noexcept {
    worker.ticket.fetch_add(1, std::memory_order_release);
    worker.ticket.notify_one();
  }

  void work(int member) const noexcept {
    const Range range = member_range(job.items, job.grain, job.blocks, job.members, member);
    job.body(job.context, range.begin, range.end, member);
  }

  void serve(int member) noexcept {
    const std::atomic<std::uint32_t>& ticket = workers[static_cast<std::size_t>(member) - 1].ticket;
    std::uint32_t seen = 0;
    while (true) {
      seen = wait_for_change(ticket, seen, spin);
      if (stop.load(std::memory_order_relaxed)) {
        return;
      }
      work(member);
      // notify_one() may come after run() has returned; the State outlives it because ~State joins the
      // workers.
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        pending.notify_one();
      }
    }
  }

  void wait_for_workers() noexcept {
    for (std::uint32_t left = pending.load(std::memory_order_acquire); left != 0;) {
      left = wait_for_change(pending, left, spin);
    }
  }
};

ThreadTeam::ThreadTeam(int threads, std::optional<int> first_core) {
  if (threads < 0) {
    throw UsageError("number of threads is negative: " + std::to_string(threads));
  }
  const int cores = usable_cores();
  const int size = threads == 0 ? cores : threads;
  try {
    state_ = std::make_unique<State>(size);
    state_->spin = size <= cores;
    state_->start(first_core);
  } catch (const std::system_error& error) {
    throw Error("cannot start " + std::to_string(size) + " threads: " + error.what(),
                {{}, {}, "ask for fewer threads"});
  }
}

ThreadTeam::~ThreadTeam() = default;

int ThreadTeam::size() const noexcept {
  return state_->size;
}

void ThreadTeam::run(std::int64_t items, std::int64_t grain, Body body, const void* context) noexcept {
  if (items <= 0) {
    return;
  }
  const std::int64_t step = std::max<std::int64_t>(grain, 1);
  const std::int64_t blocks = (items - 1) / step + 1;
  const int members = static_cast<int>(std::min<std::int64_t>(state_->size, blocks));
  if (members == 1) {
    body(context, 0, items, 0);
    return;
  }
  State& state = *state_;
  state.job = {items, step, blocks, members, body, context};
  state.pending.store(static_cast<std::uint32_t>(members - 1), std::memory_order_relaxed);
  for (int i = 0; i < members - 1; ++i) {
    State::wake(state.workers[static_cast<std::size_t>(i)]);
  }
  state.work(0);
  state.wait_for_workers();
}

#if defined(__linux__)

int usable_cores() noexcept {
  const cpu_set_t mask = affinity_mask();
  return std::max(CPU_COUNT(&mask), 1);
}

bool pin_this_thread(int index) noexcept {
  const cpu_set_t mask = affinity_mask();
  const int count = CPU_COUNT(&mask);
  if (count == 0 || index < 0) {
    return false;
  }
  int skip = index % count;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &mask) && skip-- == 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(core, &one);
      return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
    }
  }
  return false;
}

#else

int usable_cores() noexcept {
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

bool pin_this_thread(int) noexcept {
  return false;
}

#endif

}  // namespace refcalib::engine
