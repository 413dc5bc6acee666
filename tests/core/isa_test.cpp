#include "engine/cpu/isa.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

namespace {

constexpr Isa all_isas[] = {Isa::scalar, Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512vnni};

// Sets REFCALIB_ISA for one scope and puts the caller's value back, so that the suite may itself run forced.
class ForcedIsa {
 public:
  explicit ForcedIsa(std::optional<std::string> value) {
    if (const char* old = std::getenv("REFCALIB_ISA")) {
      old_ = old;
    }
    set(value);
  }
  ~ForcedIsa() { set(old_); }
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;

 private:
  static void set(const std::optional<std::string>& value) {
    if (value) {
      setenv("REFCALIB_ISA", value->c_str(), 1);
    } else {
      unsetenv("REFCALIB_ISA");
    }
  }
  std::optional<std::string> old_;
};

std::string message_of_selection() {
  try {
    selected_isa();
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("every instruction set has the documented name", "[isa]") {
  const std::string_view names[] = {"scalar", "avx2", "avxvnni", "avx512", "avx512vnni"};
  for (std::size_t i = 0; i < std::size(all_isas); ++i) {
    CHECK(to_string(all_isas[i]) == names[i]);
  }
}

TEST_CASE("the available instruction sets are closed under inclusion", "[isa]") {
  const auto available = available_isas();
  REQUIRE_FALSE(available.empty());
  CHECK(available.front() == Isa::scalar);
  CHECK(std::is_sorted(available.begin(), available.end()));
  for (const Isa isa : all_isas) {
    CHECK(is_available(isa) == (std::find(available.begin(), available.end(), isa) != available.end()));
    for (const Isa needed : all_isas) {
      if (is_available(isa) && includes(isa, needed)) {
        CHECK(is_available(needed));
      }
    }
  }
}

TEST_CASE("inclusion is the documented relation", "[isa]") {
  struct Row {
    Isa selected;
    bool included[5];  // in the order of all_isas
  };
  const Row table[] = {
      {Isa::scalar, {true, false, false, false, false}},  {Isa::avx2, {true, true, false, false, false}},
      {Isa::avxvnni, {true, true, true, false, false}},   {Isa::avx512, {true, true, false, true, false}},
      {Isa::avx512vnni, {true, true, false, true, true}},
  };
  for (const Row& row : table) {
    for (std::size_t i = 0; i < std::size(all_isas); ++i) {
      CAPTURE(to_string(row.selected), to_string(all_isas[i]));
      CHECK(includes(row.selected, all_isas[i]) == row.included[i]);
    }
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
// The compiler's own detection is an independent witness (it reads XCR0 as well). It knows no AVX-VNNI in all
// versions.
TEST_CASE("detection agrees with the compiler's run-time library", "[isa]") {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                    __builtin_cpu_supports("popcnt");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
  CHECK(is_available(Isa::avx2) == avx2);
  CHECK(is_available(Isa::avx512) == avx512);
  CHECK(is_available(Isa::avx512vnni) == (avx512 && __builtin_cpu_supports("avx512vnni")));
}
#endif

TEST_CASE("without REFCALIB_ISA the strongest available one is selected", "[isa]") {
  const ForcedIsa none(std::nullopt);
  CHECK(selected_isa() == available_isas().back());
}

TEST_CASE("REFCALIB_ISA forces each available instruction set and refuses the others", "[isa]") {
  for (const Isa isa : all_isas) {
    CAPTURE(to_string(isa));
    const ForcedIsa forced(std::string(to_string(isa)));
    if (is_available(isa)) {
      CHECK(selected_isa() == isa);
    } else {
      CHECK_THROWS_AS(selected_isa(), UsageError);
      CHECK(message_of_selection().find("cannot run on this processor") != std::string::npos);
    }
  }
}

TEST_CASE("an unknown REFCALIB_ISA is an error that lists the available ones", "[isa]") {
  for (const char* value : {"", "AVX2", "avx", "avx2 ", "sse4", "avx512vnni,avx2"}) {
    CAPTURE(value);
    const ForcedIsa forced{std::string(value)};
    REQUIRE_THROWS_AS(selected_isa(), UsageError);
    const std::string message = message_of_selection();
    for (const Isa isa : available_isas()) {
      CHECK(message.find(to_string(isa)) != std::string::npos);
    }
    CHECK(message.find('\n') == std::string::npos);
  }
}
