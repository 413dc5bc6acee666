#include <random>

#include "tests/apps/standard_case.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;

TEST_CASE("killed at ten random moments and resumed, a search ends with the same network", "[long]") {
  const StandardCase standard;
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(run_program(standard.command("whole", StandardCase::hopeless())).exit_code == 0);
  const auto whole =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  std::mt19937 random(20261128);
  int killed = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "killed" + std::to_string(i);
    const int moment = static_cast<int>(random() % static_cast<std::uint32_t>(whole.count()));
    INFO("killed after " << moment << " of " << whole.count() << " ms");
    const Outcome outcome = run_and_kill(standard.command(name, StandardCase::hopeless()), moment);
    killed += outcome.exit_code == 128 + 9 ? 1 : 0;
    // A second time, in the middle of what is left.
    run_and_kill(standard.command(name, StandardCase::hopeless({"--resume"})), moment / 2);
    const Outcome resumed = run_program(standard.command(name, StandardCase::hopeless({"--resume"})));
    INFO(resumed.out << resumed.err);
    REQUIRE(resumed.exit_code == 0);
    CHECK(standard.written(name) == standard.written("whole"));
  }
  CHECK(killed >= 5);
}
