#include <cmath>
#include <cstring>
#include <limits>
#include <refcalib/metrics.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/isa_forms.h"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::available_isa_forms;
using refcalib_test::IsaForms;
using refcalib_test::normal_values;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

using Values = std::vector<float>;

}  // namespace

TEST_CASE("metrics of known cases", "[metrics]") {
  struct Case {
    Values ref, x;
    double sqnr, cosine, nrmsd, max_error;
  };
  const Case cases[] = {
      {{}, {}, kInf, 1.0, 0.0, 0.0},
      {{1, 2, 3}, {1, 2, 3}, kInf, 1.0, 0.0, 0.0},
      {{0, 0}, {0, 0}, kInf, 1.0, 0.0, 0.0},
      {{0, 0}, {1, 0}, -kInf, 0.0, 1.0, 1.0},
      {{1, 0}, {0, 0}, 0.0, 0.0, std::sqrt(0.5), 1.0},
      {{3, 4}, {-3, -4}, 10 * std::log10(0.25), -1.0, std::sqrt(50.0), 8.0},
      {{10, 0}, {9, 0}, 20.0, 1.0, std::sqrt(0.5) / 10, 1.0},
      {{2, 2}, {2, 3}, 10 * std::log10(8.0), 10 / std::sqrt(8.0 * 13.0), 1.0, 1.0},  // zero range of the
                                                                                     // reference
      {{2, 2}, {2, 2}, kInf, 1.0, 0.0, 0.0},
  };
  for (const Case& c : cases) {
    CHECK(sqnr_db(c.ref, c.x) == Approx(c.sqnr));
    CHECK(cosine(c.ref, c.x) == Approx(c.cosine));
    CHECK(nrmsd(c.ref, c.x) == Approx(c.nrmsd));
    CHECK(max_abs_error(c.ref, c.x) == Approx(c.max_error));
  }
}

TEST_CASE("metrics equal a long-double loop", "[metrics]") {
  for (const std::size_t n : std::initializer_list<std::size_t>{1, 2, 15, 16, 17, 1000}) {
    const Values ref = normal_values(n, 121);
    const Values x = normal_values(n, 122);
    long double noise = 0, signal = 0, dot = 0, energy = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const long double a = ref[i];
      const long double b = x[i];
      noise += (a - b) * (a - b);
      signal += a * a;
      dot += a * b;
      energy += b * b;
    }
    CHECK(sqnr_db(ref, x) == Approx(static_cast<double>(10 * std::log10(signal / noise))));
    CHECK(cosine(ref, x) == Approx(static_cast<double>(dot / std::sqrt(signal * energy))));
  }
}

TEST_CASE("metrics are the same bits on every instruction set", "[metrics]") {
  const IsaForms& first = available_isa_forms().front();
  for (const std::size_t n : std::initializer_list<std::size_t>{1, 7, 16, 31, 100000}) {
    const Values ref = normal_values(n, 123);
    Values x = ref;
    for (std::size_t i = 0; i < n; ++i) x[i] += 0.01F * static_cast<float>(i % 7);
    for (const IsaForms& isa : available_isa_forms()) {
      INFO("isa " << isa.name);
      CHECK(isa.sqnr_db(ref, x) == first.sqnr_db(ref, x));
      CHECK(isa.cosine(ref, x) == first.cosine(ref, x));
      CHECK(isa.nrmsd(ref, x) == first.nrmsd(ref, x));
      CHECK(isa.max_abs_error(ref, x) == first.max_abs_error(ref, x));
    }
  }
}

TEST_CASE("NaN makes every metric NaN, equal infinities are no error", "[metrics]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  Values clean = normal_values(40, 124);
  for (const std::size_t at : std::initializer_list<std::size_t>{0, 20, 39}) {
    Values dirty = clean;
    dirty[at] = nan;
    for (const auto& [ref, x] : {std::pair{clean, dirty}, {dirty, clean}, {dirty, dirty}}) {
      CHECK(std::isnan(sqnr_db(ref, x)));
      CHECK(std::isnan(cosine(ref, x)));
      CHECK(std::isnan(nrmsd(ref, x)));
      CHECK(std::isnan(max_abs_error(ref, x)));
    }
  }
  const Values a{1.0F, inf, -inf};
  CHECK(max_abs_error(a, a) == 0.0);
  CHECK(nrmsd(a, a) == 0.0);
  CHECK(sqnr_db(a, a) == kInf);
  CHECK(max_abs_error(a, Values{1.0F, 5.0F, -inf}) == kInf);
}

TEST_CASE("identical tensors have a cosine of exactly one", "[metrics]") {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const Values x = normal_values(1 + seed * 3, 200 + seed);
    CHECK(cosine(x, x) == 1.0);
  }
}

TEST_CASE("metrics refuse tensors of different length", "[metrics]") {
  const Values two{1, 2};
  const Values three{1, 2, 3};
  CHECK_THROWS_AS(sqnr_db(two, three), std::invalid_argument);
  CHECK_THROWS_AS(cosine(two, three), std::invalid_argument);
  CHECK_THROWS_AS(nrmsd(two, three), std::invalid_argument);
  CHECK_THROWS_AS(max_abs_error(two, three), std::invalid_argument);
}
