#include "apps/refcalib/interrupt.h"

#include <unistd.h>

#include "tests/support/catch.hpp"

using refcalib::app::InterruptGuard;

TEST_CASE("a signal waits until it is asked for", "[interrupt]") {
  for (const int signal : {SIGINT, SIGTERM}) {
    InterruptGuard guard;
    CHECK_FALSE(guard.interrupted());
    raise(signal);
    CHECK(guard.interrupted());
    CHECK(guard.interrupted());
  }
}

TEST_CASE("outside, signals are as before", "[interrupt]") {
  sigset_t before, after;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  { const InterruptGuard guard; }
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  CHECK(sigismember(&before, SIGINT) == sigismember(&after, SIGINT));
}
