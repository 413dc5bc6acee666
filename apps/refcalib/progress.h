#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "apps/refcalib/report.h"

namespace refcalib::app {

/// How progress is shown.
struct ProgressStyle {
  enum class Kind { bar, print, none } kind = Kind::none;
  std::size_t every = 0;  ///< print: a line after every N samples; 0: every five seconds
};

/// "bar", "print", "print:N", "none" (in any case); empty: bar on a terminal, else print. A bar needs a
/// terminal and becomes print without one. Throws UsageError.
ProgressStyle parse_progress(const std::string& text, bool terminal);

/// "[#####.....]  50 %  50/100  time left 12.3 s" for a fraction done and the seconds spent on it.
std::string progress_bar(std::size_t done, std::size_t all, double seconds);

/// Shows how far a loop is. Construct it when the loop begins.
class ProgressMeter {
 public:
  ProgressMeter(Report& report, ProgressStyle style, std::string what);
  /// After each sample.
  void update(std::size_t done, std::size_t all);

 private:
  using Clock = std::chrono::steady_clock;
  Report& report_;
  ProgressStyle style_;
  std::string what_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace refcalib::app
