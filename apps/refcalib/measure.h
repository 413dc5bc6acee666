#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/runtime/program.h"

namespace refcalib::app {

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// Largest resident memory of this process so far in bytes (VmHWM of /proc/self/status); 0 if unknown.
std::int64_t peak_memory();

/// When a measurement ends: after `iterations` and after `seconds`, whichever comes later; 0: does not
/// matter.
struct Limit {
  std::size_t iterations = 0;
  double seconds = 0;

  bool reached(std::size_t done, double elapsed) const noexcept {
    return done >= iterations && elapsed >= seconds;
  }
};

/// Seconds of each run of each session; the sessions take turns (A B A B …), so that a drift of the clock
/// meets all alike. `warm_up` turns are not counted; at least one turn is.
std::vector<std::vector<double>> measure_interleaved(std::span<engine::Session* const> sessions,
                                                     std::size_t warm_up, const Limit& limit);

/// What concurrent streams delivered.
struct StreamResult {
  std::vector<double> latencies;  ///< seconds from request to result, of every request
  double seconds = 0;             ///< from the first request to the last result
};

/// One thread per session, all over one Program. `requests` requests are in flight at any time; a stream
/// takes the oldest waiting one. `prepare(stream)` runs in the stream's thread first (for example to bind it
/// to a core).
StreamResult measure_streams(std::span<engine::Session> sessions, std::size_t requests, std::size_t warm_up,
                             const Limit& limit, const std::function<void(std::size_t)>& prepare);

/// Median seconds of every step over `runs` profiled runs, and the extremes.
struct StepTimes {
  std::vector<double> median, min, max;
};
StepTimes profile_steps(engine::Session& session, std::size_t runs);

}  // namespace refcalib::app
