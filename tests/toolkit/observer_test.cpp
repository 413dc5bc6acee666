#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <refcalib/observer.hpp>
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
using refcalib_test::same_bits;

namespace {

struct Reference {
  Range range{0.0F, 0.0F};
  std::uint64_t count = 0, nans = 0, infinities = 0;

  void add(float v) {
    if (std::isnan(v)) {
      ++nans;
    } else if (std::isinf(v)) {
      ++infinities;
    } else {
      range = count == 0 ? Range{v, v} : Range{std::min(range.min, v), std::max(range.max, v)};
      ++count;
    }
  }
};

}  // namespace

TEST_CASE("min/max equals a plain loop for every length and instruction set", "[observer]") {
  const std::vector<float> clean = normal_values(9000, 21);
  const std::vector<float> awkward = awkward_values(9000, 22);
  std::vector<std::size_t> lengths = kLengths;
  lengths.insert(lengths.end(), {4095, 4096, 4097, 8999});
  for (const IsaForms& isa : available_isa_forms()) {
    INFO("isa " << isa.name);
    for (const std::vector<float>* pool : {&clean, &awkward}) {
      for (const std::size_t n : lengths) {
        for (const std::size_t offset : std::initializer_list<std::size_t>{0, 1}) {
          MinMaxObserver observer;
          const std::span<const float> x(pool->data() + offset, n);
          isa.min_max(observer, x);
          Reference reference;
          for (const float v : x) reference.add(v);
          REQUIRE(observer.range() == reference.range);
          REQUIRE(observer.count() == reference.count);
          REQUIRE(observer.nan_count() == reference.nans);
          REQUIRE(observer.inf_count() == reference.infinities);
        }
      }
    }
  }
}

TEST_CASE("the state depends on the values alone", "[observer]") {
  std::vector<float> data = awkward_values(5000, 23);
  MinMaxObserver whole;
  whole.update(std::span<const float>(data));
  std::mt19937 engine(1);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(data.begin(), data.end(), engine);
    MinMaxObserver left;
    MinMaxObserver right;
    const std::size_t cut = engine() % data.size();
    left.update(std::span<const float>(data).first(cut));
    right.update(std::span<const float>(data).subspan(cut));
    right.merge(left);
    CHECK(right == whole);
  }
}

TEST_CASE("corner cases of min/max", "[observer]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  struct Case {
    std::vector<float> data;
    Range expected;
    std::uint64_t count;
  };
  const Case cases[] = {
      {{}, {0, 0}, 0},       {{nan, inf, -inf}, {0, 0}, 0}, {{-3, -2}, {-3, -2}, 2},
      {{5, nan}, {5, 5}, 1}, {{nan, -1, inf}, {-1, -1}, 1}, {{1e-45F}, {1e-45F, 1e-45F}, 1}};
  for (const Case& c : cases) {
    MinMaxObserver observer;
    observer.update(std::span<const float>(c.data));
    CHECK(observer.range() == c.expected);
    CHECK(observer.count() == c.count);
  }
  MinMaxObserver zeros;
  const std::vector<float> signed_zeros{-0.0F, 0.0F, -0.0F};
  zeros.update(std::span<const float>(signed_zeros));
  CHECK(same_bits(zeros.range().min, 0.0F));
  CHECK(same_bits(zeros.range().max, 0.0F));
  // An all-negative stream has a negative maximum (not the smallest positive float, a classic mistake).
  MinMaxObserver negative;
  const std::vector<float> below{-3.0F, -1.0F};
  negative.update(std::span<const float>(below));
  negative.merge(MinMaxObserver{});
  CHECK(negative.range() == Range{-3.0F, -1.0F});
}

TEST_CASE("per-channel min/max equals plain loops in both layouts", "[observer]") {
  for (const bool clean : {true, false}) {
    const std::vector<float> pool = clean ? normal_values(60000, 31) : awkward_values(60000, 32);
    for (const IsaForms& isa : available_isa_forms()) {
      for (const std::size_t channels :
           std::initializer_list<std::size_t>{1, 2, 3, 4, 7, 8, 15, 16, 17, 24, 33}) {
        for (const std::size_t pixels : std::initializer_list<std::size_t>{0, 1, 5, 255, 256, 300}) {
          INFO("isa " << isa.name << " channels " << channels << " pixels " << pixels);
          const std::size_t stride = channels + 5;
          std::vector<Reference> by_row(channels);
          std::vector<Reference> by_plane(channels);
          ChannelMinMaxObserver last(channels);
          isa.channels_last(last, pool.data(), pixels, stride);
          ChannelMinMaxObserver planar(channels);
          const std::size_t outer = 3;
          isa.channels_planar(planar, std::span<const float>(pool).first(outer * channels * pixels), outer,
                              pixels);
          for (std::size_t c = 0; c < channels; ++c) {
            for (std::size_t p = 0; p < pixels; ++p) by_row[c].add(pool[p * stride + c]);
            for (std::size_t o = 0; o < outer; ++o) {
              for (std::size_t p = 0; p < pixels; ++p) by_plane[c].add(pool[(o * channels + c) * pixels + p]);
            }
            REQUIRE(last.range(c) == by_row[c].range);
            REQUIRE(planar.range(c) == by_plane[c].range);
          }
          Reference row_sum;
          Reference plane_sum;
          for (std::size_t c = 0; c < channels; ++c) {
            row_sum.count += by_row[c].count;
            row_sum.nans += by_row[c].nans;
            row_sum.infinities += by_row[c].infinities;
            plane_sum.count += by_plane[c].count;
            plane_sum.nans += by_plane[c].nans;
            plane_sum.infinities += by_plane[c].infinities;
          }
          REQUIRE(last.count() == row_sum.count);
          REQUIRE(last.nan_count() == row_sum.nans);
          REQUIRE(last.inf_count() == row_sum.infinities);
          REQUIRE(planar.count() == plane_sum.count);
          REQUIRE(planar.nan_count() == plane_sum.nans);
          REQUIRE(planar.inf_count() == plane_sum.infinities);
        }
      }
    }
  }
}

TEST_CASE("per-channel observers merge and refuse bad shapes", "[observer]") {
  const std::vector<float> data{1, 2, -3, 4, 5, -6};
  ChannelMinMaxObserver whole(2);
  whole.update_channels_last(data.data(), 3, 2);
  ChannelMinMaxObserver a(2);
  ChannelMinMaxObserver b(2);
  a.update_channels_last(data.data(), 1, 2);
  b.update_channels_last(data.data() + 2, 2, 2);
  b.merge(a);
  CHECK(b == whole);
  CHECK(whole.range(0) == Range{-3, 5});
  CHECK(whole.range(1) == Range{-6, 4});
  CHECK(ChannelMinMaxObserver(2).range(1) == Range{0, 0});
  CHECK_THROWS_AS(ChannelMinMaxObserver(0), std::invalid_argument);
  CHECK_THROWS_AS(b.merge(ChannelMinMaxObserver(3)), std::invalid_argument);
  CHECK_THROWS_AS(b.update_planar(data, 2, 2), std::invalid_argument);
  CHECK_THROWS_AS(b.update_channels_last(data.data(), 1, 1), std::invalid_argument);
}
