#include "apps/refcalib/measure.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "apps/refcalib/bench_statistics.h"

namespace refcalib::app {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

double timed_run(engine::Session& session) {
  const auto start = Clock::now();
  session.run();
  return seconds_between(start, Clock::now());
}

/// Requests that wait for a stream, each with the time of its submission.
class RequestQueue {
 public:
  explicit RequestQueue(const Limit& limit) : limit_(limit) {}

  void start(std::size_t requests) {
    const std::lock_guard lock(mutex_);
    start_ = Clock::now();
    waiting_.assign(requests, start_);
    changed_.notify_all();
  }

  /// The oldest request; false when the measurement is over.
  bool take(Clock::time_point& submitted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_ || !waiting_.empty(); });
    if (over_) return false;
    submitted = waiting_.front();
    waiting_.pop_front();
    return true;
  }

  /// Records a finished request and submits the next one.
  void finish(Clock::time_point submitted) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (over_) return;
    result_.latencies.push_back(seconds_between(submitted, now));
    result_.seconds = seconds_between(start_, now);
    over_ = limit_.reached(result_.latencies.size(), result_.seconds);
    waiting_.push_back(now);
    over_ ? changed_.notify_all() : changed_.notify_one();
  }

  StreamResult take_result() { return std::move(result_); }

 private:
  Limit limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Clock::time_point> waiting_;
  Clock::time_point start_;
  bool over_ = false;
  StreamResult result_;
};

}  // namespace

std::int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      std::int64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
  return 0;
}

std::vector<std::vector<double>> measure_interleaved(std::span<engine::Session* const> sessions,
                                                     std::size_t warm_up, const Limit& limit) {
  for (std::size_t i = 0; i < warm_up; ++i)
    for (engine::Session* const session : sessions) session->run();
  std::vector<std::vector<double>> times(sessions.size());
  const Stopwatch watch;
  do {
    for (std::size_t s = 0; s < sessions.size(); ++s) times[s].push_back(timed_run(*sessions[s]));
  } while (!limit.reached(times.front().size(), watch.seconds()));
  return times;
}

StreamResult measure_streams(std::span<engine::Session> sessions, std::size_t requests, std::size_t warm_up,
                             const Limit& limit, const std::function<void(std::size_t)>& prepare) {
  RequestQueue queue(limit);
  std::vector<std::jthread> streams;
  std::mutex mutex;
  std::condition_variable ready_changed;
  std::size_t ready = 0;
  for (std::size_t s = 0; s < sessions.size(); ++s)
    streams.emplace_back([&, s] {
      prepare(s);
      for (std::size_t i = 0; i < warm_up; ++i) sessions[s].run();
      {
        const std::lock_guard lock(mutex);
        ++ready;
        ready_changed.notify_one();
      }
      for (Clock::time_point submitted; queue.take(submitted);) {
        sessions[s].run();
        queue.finish(submitted);
      }
    });
  {
    std::unique_lock lock(mutex);
    ready_changed.wait(lock, [&] { return ready == sessions.size(); });
  }
  queue.start(requests);
  streams.clear();  // joins
  return queue.take_result();
}

StepTimes profile_steps(engine::Session& session, std::size_t runs) {
  const std::size_t steps = session.program().steps().size();
  std::vector<std::vector<double>> times(steps);
  std::vector<double> seconds(steps);
  session.run();
  for (std::size_t r = 0; r < runs; ++r) {
    std::fill(seconds.begin(), seconds.end(), 0.0);
    session.run_profiled(seconds);
    for (std::size_t s = 0; s < steps; ++s) times[s].push_back(seconds[s]);
  }
  StepTimes result;
  for (auto& of_step : times) {
    const Statistics statistics = summarize(std::move(of_step));
    result.median.push_back(statistics.median);
    result.min.push_back(statistics.min);
    result.max.push_back(statistics.max);
  }
  return result;
}

}  // namespace refcalib::app
