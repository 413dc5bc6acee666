#include "apps/refcalib/interrupt.h"

#include <ctime>

namespace refcalib::app {

InterruptGuard::InterruptGuard() {
  sigemptyset(&watched_);
  sigaddset(&watched_, SIGINT);
  sigaddset(&watched_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &watched_, &before_);
}

InterruptGuard::~InterruptGuard() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool InterruptGuard::interrupted() noexcept {
  const timespec now{};
  if (!interrupted_) interrupted_ = sigtimedwait(&watched_, nullptr, &now) > 0;
  return interrupted_;
}

}  // namespace refcalib::app
