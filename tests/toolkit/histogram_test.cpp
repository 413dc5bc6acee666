#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <refcalib/histogram.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/isa_forms.h"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::available_isa_forms;
using refcalib_test::awkward_values;
using refcalib_test::IsaForms;
using refcalib_test::kLengths;
using refcalib_test::normal_values;
using refcalib_test::relu;
using refcalib_test::same_bits;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Histogram histogram_of(std::span<const float> x) {
  Histogram h;
  h.update(x);
  return h;
}

/// The definition, value by value: the smallest dyadic range for all data first, then one division per value.
HistogramState reference(std::span<const float> x) {
  HistogramState s{
      Histogram::kMinExponent, std::vector<std::uint64_t>(Histogram::kBins, 0), {}, 0, 0, 0, 0.0F, 0.0F};
  std::vector<double> finite;
  for (const float v : x) {
    if (std::isnan(v)) {
      ++s.nans;
    } else if (std::isinf(v)) {
      ++s.infinities;
    } else {
      finite.push_back(v);
    }
  }
  for (const double v : finite) {
    while (std::fabs(v) >= std::ldexp(1.0, s.exponent)) ++s.exponent;
  }
  const double width = std::ldexp(1.0, s.exponent) / static_cast<double>(Histogram::kBins);
  for (const double v : finite) {
    const auto bin = static_cast<std::size_t>(std::floor(std::fabs(v) / width));
    if (v == 0.0) {
      ++s.zeros;
    } else if (v > 0.0) {
      ++s.positive[bin];
    } else {
      s.negative.resize(Histogram::kBins, 0);
      ++s.negative[bin];
    }
  }
  if (!finite.empty()) {
    s.min = static_cast<float>(*std::min_element(finite.begin(), finite.end())) + 0.0F;
    s.max = static_cast<float>(*std::max_element(finite.begin(), finite.end())) + 0.0F;
  }
  return s;
}

bool same(const HistogramState& a, const HistogramState& b) {
  return a.exponent == b.exponent && a.positive == b.positive && a.negative == b.negative &&
         a.zeros == b.zeros && a.nans == b.nans && a.infinities == b.infinities && same_bits(a.min, b.min) &&
         same_bits(a.max, b.max);
}

std::vector<std::vector<float>> data_sets() {
  std::vector<float> outlier = relu(normal_values(5000, 1));
  outlier[4000] = 1234.5F;
  std::vector<float> powers;
  for (int e = -149; e <= 127; ++e) {
    powers.push_back(std::ldexp(1.0F, e));
    powers.push_back(-std::nextafter(std::ldexp(1.0F, e), 0.0F));
  }
  return {{},
          {0.0F, -0.0F, 0.0F},
          {kNan, kInf, -kInf},
          std::vector<float>(3000, 1.0F),
          std::vector<float>(100, -2.5F),
          normal_values(20000, 2),
          relu(normal_values(20000, 3)),
          outlier,
          awkward_values(3000, 4),
          powers,
          {1e-45F, -1e-45F},
          {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()}};
}

}  // namespace

TEST_CASE("the histogram equals its definition on every instruction set", "[histogram]") {
  for (const IsaForms& isa : available_isa_forms()) {
    INFO("isa " << isa.name);
    for (const std::vector<float>& data : data_sets()) {
      INFO("values " << data.size());
      Histogram h;
      h.update(data, isa.histogram);
      REQUIRE(same(h.state(), reference(data)));
      REQUIRE(h.count() == static_cast<std::size_t>(std::count_if(data.begin(), data.end(),
                                                                  [](float v) { return std::isfinite(v); })));
    }
    const std::vector<float> pool = awkward_values(1100, 6);
    for (const std::size_t n : kLengths) {
      for (const std::size_t offset : std::initializer_list<std::size_t>{0, 1, 30}) {
        const std::span<const float> x(pool.data() + offset, n);
        Histogram h;
        h.update(x, isa.histogram);
        REQUIRE(same(h.state(), reference(x)));
      }
    }
  }
}

TEST_CASE("long stretches, which are counted in short tables first, equal the definition", "[histogram]") {
  // One value more often than a counter of 16 bits can say; both signs; a value that is not finite, and growth, on the way.
  std::vector<std::vector<float>> data{std::vector<float>(150'001, 0.75F), normal_values(8'192, 11),
                                       normal_values(100'003, 12), relu(normal_values(70'000, 13))};
  data[2][50'000] = kNan;
  data[2][60'000] = 1000.0F;
  for (const IsaForms& isa : available_isa_forms()) {
    for (const std::vector<float>& x : data) {
      INFO("isa " << isa.name << ", values " << x.size());
      Histogram whole, sliced;
      whole.update(x, isa.histogram);
      for (std::size_t i = 0; i < x.size(); i += 1'000)
        sliced.update(std::span(x).subspan(i, std::min<std::size_t>(1'000, x.size() - i)), isa.histogram);
      REQUIRE(same(whole.state(), reference(x)));
      REQUIRE(sliced == whole);
    }
  }
}

TEST_CASE("order, batches and shards do not matter", "[histogram]") {
  std::mt19937 engine(17);
  for (std::vector<float> data : data_sets()) {
    const Histogram whole = histogram_of(data);
    for (int round = 0; round < 4; ++round) {
      std::shuffle(data.begin(), data.end(), engine);
      std::vector<Histogram> shards(3);
      std::size_t at = 0;
      while (at < data.size()) {
        const std::size_t n = std::min<std::size_t>(1 + engine() % 700, data.size() - at);
        shards[engine() % shards.size()].update(std::span<const float>(data).subspan(at, n));
        at += n;
      }
      Histogram merged;
      std::shuffle(shards.begin(), shards.end(), engine);
      for (const Histogram& shard : shards) merged.merge(shard);
      REQUIRE(merged == whole);
      REQUIRE(same(merged.state(), whole.state()));
    }
  }
}

TEST_CASE("growth adds neighbouring bins", "[histogram]") {
  Histogram h;
  std::vector<float> fine(Histogram::kBins);
  for (std::size_t i = 0; i < fine.size(); ++i) fine[i] = (static_cast<float>(i) + 0.5F) / 4096.0F;
  h.update(std::span<const float>(fine));
  REQUIRE(h.exponent() == 0);
  CHECK(h.bin_width() == 1.0 / 4096);
  CHECK(std::all_of(h.positive().begin(), h.positive().end(), [](std::uint64_t c) { return c == 1; }));
  const std::vector<float> wide{7.0F};
  h.update(std::span<const float>(wide));
  REQUIRE(h.exponent() == 3);
  for (std::size_t i = 0; i < 512; ++i) REQUIRE(h.positive()[i] == 8);
  CHECK(h.positive()[3584] == 1);
  const std::vector<float> huge{1e30F};
  h.update(std::span<const float>(huge));
  CHECK(h.positive()[0] == 4097);
  CHECK(h.negative().empty());
  CHECK_FALSE(h.has_negative());
}

TEST_CASE("rows with a stride are seen without their padding", "[histogram]") {
  for (const std::size_t row : std::initializer_list<std::size_t>{0, 1, 3, 16, 24, 100, 2048, 3000}) {
    const std::size_t stride = row + 7;
    const std::size_t rows = 40;
    std::vector<float> data = normal_values(rows * stride, 41);
    std::vector<float> dense;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t j = 0; j < stride; ++j) {
        if (j < row) {
          dense.push_back(data[r * stride + j]);
        } else {
          data[r * stride + j] = 1e9F;
        }
      }
    }
    Histogram strided;
    strided.update(data.data(), rows, row, stride);
    CHECK(strided == histogram_of(dense));
    Histogram tight;
    tight.update(dense.data(), rows, row, row);
    CHECK(tight == histogram_of(dense));
  }
  Histogram h;
  const float one = 1.0F;
  CHECK_THROWS_AS(h.update(&one, 1, 2, 1), std::invalid_argument);
}

TEST_CASE("an empty histogram says so", "[histogram]") {
  const Histogram h;
  CHECK(h.count() == 0);
  CHECK(h.range() == Range{0, 0});
  CHECK(h.exponent() == Histogram::kMinExponent);
  Histogram other = histogram_of(std::vector<float>{2.0F, -1.0F});
  other.merge(h);
  CHECK(other == histogram_of(std::vector<float>{2.0F, -1.0F}));
}

TEST_CASE("the state rebuilds the histogram", "[histogram]") {
  for (const std::vector<float>& data : data_sets()) {
    const Histogram h = histogram_of(data);
    CHECK(Histogram(h.state()) == h);
    Histogram resumed(h.state());
    const std::vector<float> more = normal_values(100, 51, 20.0F);
    resumed.update(std::span<const float>(more));
    std::vector<float> all = data;
    all.insert(all.end(), more.begin(), more.end());
    CHECK(resumed == histogram_of(all));
  }
}

TEST_CASE("contradictory states are refused", "[histogram]") {
  const HistogramState good = histogram_of(std::vector<float>{2.0F, -1.0F, 0.0F}).state();
  REQUIRE_NOTHROW(Histogram(good));
  using Change = void (*)(HistogramState&);
  const Change changes[] = {
      [](HistogramState& s) { s.positive.pop_back(); },
      [](HistogramState& s) { s.negative.push_back(0); },
      [](HistogramState& s) { s.negative.clear(); },
      [](HistogramState& s) { s.exponent += 1; },
      [](HistogramState& s) { s.exponent -= 1; },
      [](HistogramState& s) { s.max = kInf; },
      [](HistogramState& s) { s.min = kNan; },
      [](HistogramState& s) { std::swap(s.min, s.max); },
      [](HistogramState& s) { s.max = 3.0F; },
      [](HistogramState& s) { s.min = -1.5F; },
      [](HistogramState& s) { s.min = 1.0F; },
      [](HistogramState& s) {
        s.positive.assign(Histogram::kBins, 0);
        s.negative.assign(Histogram::kBins, 0);
        s.zeros = 0;
      },
  };
  for (const Change change : changes) {
    HistogramState bad = good;
    change(bad);
    CHECK_THROWS_AS(Histogram(bad), std::invalid_argument);
  }
  HistogramState nothing = Histogram().state();
  nothing.max = 1e-40F;
  CHECK_THROWS_AS(Histogram(nothing), std::invalid_argument);
}
