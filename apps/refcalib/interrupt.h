#pragma once

#include <csignal>

namespace refcalib::app {

/// While it lives, Ctrl-C (SIGINT) and SIGTERM wait instead of ending the process, so that a loop can ask and
/// stop in good order. At its end a signal that is still waiting takes its usual effect, unless it was taken.
/// Threads started meanwhile inherit this.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// True if such a signal arrived; it is taken and asked for only once, the answer stays true.
  bool interrupted() noexcept;

 private:
  sigset_t watched_{}, before_{};
  bool interrupted_ = false;
};

}  // namespace refcalib::app
