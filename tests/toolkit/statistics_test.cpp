#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <refcalib/collector.hpp>
#include <refcalib/statistics.hpp>
#include <refcalib/statistics_file.hpp>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/isa_forms.h"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::Contains;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// Sample `number` of a network with two values: "conv" of 3 channels x 10, "fc" of 4 channels x 1.
struct Sample {
  std::vector<float> conv, fc;
  explicit Sample(unsigned number) {
    std::mt19937 random(number);
    std::normal_distribution<float> normal(0.3F, 1.5F);
    for (int i = 0; i < 30; ++i) conv.push_back(std::max(normal(random), i % 3 == 0 ? 0.0F : -10.0F));
    for (int i = 0; i < 4; ++i) fc.push_back(normal(random) * 100);
  }
};

Statistics pattern(SampleRecords records = {}) {
  Statistics empty;
  empty.origin = {"net", 0x1234, "stretch, BGR", 0x99, records};
  empty.values.emplace("conv", ValueStatistics(3, 1));
  empty.values.emplace("fc", ValueStatistics(4, 1));
  return empty;
}

Statistics collected(const std::vector<unsigned>& numbers, SampleRecords records = {}) {
  Collector collector(pattern(records));
  for (const unsigned number : numbers) {
    const Sample sample(number);
    REQUIRE(collector.begin_sample(sample.conv));
    collector.add(collector.find("fc"), {sample.fc.data(), 4, 1, 1, 4});
    collector.add(collector.find("conv"), {sample.conv.data(), 3, 10, 10, 1});
    collector.end_sample();
  }
  return collector.statistics();
}

std::vector<unsigned> first(unsigned count) {
  std::vector<unsigned> numbers;
  for (unsigned i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

std::string error_of(std::string_view bytes) {
  try {
    static_cast<void>(statistics_from_bytes(bytes));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

/// With the check sum of what it says.
std::string resealed(std::string bytes) {
  ContentHash hash;
  hash.add(std::string_view(bytes).substr(0, bytes.size() - 8));
  for (std::size_t i = 0; i < 8; ++i)
    bytes[bytes.size() - 8 + i] = static_cast<char>(hash.value() >> (8 * i));
  return bytes;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("an exact sum does not depend on order or grouping", "[statistics]") {
  std::mt19937 random(3);
  std::vector<double> numbers = {1e-18, -1e-18, 0.1, -0.3, 1e9, -1e9, 0.0, -0.0};
  for (int i = 0; i < 500; ++i)
    numbers.push_back(
        std::ldexp(static_cast<double>(static_cast<int>(random())), static_cast<int>(random() % 60) - 80));
  ExactSum expected;
  for (const double x : numbers) expected.add(x);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(numbers.begin(), numbers.end(), random);
    ExactSum left, right;
    for (std::size_t i = 0; i < numbers.size(); ++i) (i % 3 == 0 ? left : right).add(numbers[i]);
    left.add(right);
    CHECK(left == expected);
  }
}

TEST_CASE("an exact sum is the sum", "[statistics]") {
  struct Case {
    std::vector<double> addends;
    double sum;
  };
  const Case cases[] = {{{}, 0},
                        {{1, 2, 3}, 6},
                        {{-1}, -1},
                        {{-0.25}, -0.25},
                        {{0.75, 0.75, -2}, -0.5},
                        {{1e300, 1}, 2147483648.0 + 1},  // clamped
                        {{-1e300}, -2147483648.0},
                        {{std::nan(""), HUGE_VAL, 5}, 5},
                        {{1e-25}, 0},  // below 2^-64
                        {{-1e-10, 1e-10, 3}, 3}};
  for (const Case& c : cases) {
    ExactSum sum;
    for (const double x : c.addends) sum.add(x);
    CHECK(sum.value() == c.sum);
  }
}

TEST_CASE("a content hash does not depend on how bytes are handed over, and on nothing but them",
          "[statistics]") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  std::vector<std::uint64_t> seen;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    ContentHash whole;
    whole.add(std::string_view(text).substr(0, length));
    for (const std::size_t part : {1U, 5U, 31U, 32U, 33U, 100U}) {
      ContentHash parts;
      for (std::size_t at = 0; at < length; at += part)
        parts.add(std::string_view(text).substr(at, std::min(part, length - at)));
      CHECK(parts.value() == whole.value());
    }
    seen.push_back(whole.value());
  }
  for (std::size_t bit = 0; bit < 8 * 64; ++bit) {
    std::string other = text.substr(0, 64);
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    ContentHash hash;
    hash.add(std::string_view(other));
    seen.push_back(hash.value());
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  // Files hold these numbers: they must not change.
  ContentHash hash;
  hash.add(std::string_view("refcalib"));
  hash.add(std::uint64_t{7});
  CHECK(hash.value() == 0xa58eef74189541a2U);
  ContentHash long_hash;
  long_hash.add(std::string_view(text));
  CHECK(long_hash.value() == 0x8b9b8e4ad167fa9eU);
}

TEST_CASE("what is observed is what a naive loop finds, in both orders of memory", "[statistics]") {
  constexpr std::size_t channels = 5, count = 150;
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.5F, 2);
  ValueObserver planes(channels, 1, {true, true}), rows(channels, 1, {true, true}),
      halves(channels, 1, {true, true});
  std::vector<double> mean(channels), square(channels);
  std::vector<float> low(channels, kInf), high(channels, -kInf);
  std::vector<Range> ranges;
  constexpr int samples = 6;
  for (int s = 0; s < samples; ++s) {
    std::vector<float> planar(channels * count), pixels(count * (channels + 3), 1e30F);
    ranges.push_back({kInf, -kInf});
    for (std::size_t c = 0; c < channels; ++c) {
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const float x = c == 4 ? 0.0F * normal(random) : normal(random);
        planar[c * count + i] = pixels[i * (channels + 3) + c] = x;
        sum += static_cast<double>(x);
        squares += static_cast<double>(x) * static_cast<double>(x);
        low[c] = std::min(low[c], x);
        high[c] = std::max(high[c], x);
        ranges.back() = {std::min(ranges.back().min, x), std::max(ranges.back().max, x)};
      }
      mean[c] += sum / count / samples;
      square[c] += squares / count / samples;
    }
    planes.add({planar.data(), channels, count, count, 1});
    rows.add({pixels.data(), channels, count, 1, channels + 3});
    const SampleView pieces[] = {{planar.data(), channels, 64, count, 1},
                                 {planar.data() + 64, channels, count - 64, count, 1}};
    halves.add(pieces);
  }
  const ValueStatistics& seen = planes.statistics();
  CHECK(rows.statistics() == seen);
  CHECK(halves.statistics() == seen);
  CHECK(seen.observations == samples);
  CHECK(seen.histogram.count() == samples * channels * count);
  CHECK(seen.channel_min == low);
  CHECK(seen.channel_max == high);
  CHECK(seen.sample_ranges == ranges);
  REQUIRE(seen.sample_channel_ranges.size() == samples * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    CHECK(seen.channel_means()[c] == Approx(mean[c]).margin(1e-5));
    CHECK(seen.channel_deviations()[c] == Approx(std::sqrt(square[c] - mean[c] * mean[c])).margin(1e-4));
    CHECK_FALSE(std::signbit(seen.channel_min[4]));
  }
  CHECK_THROWS_AS(planes.add({low.data(), 4, 1, 1, 4}), std::invalid_argument);
}

TEST_CASE("what is observed does not depend on memory order or instruction set", "[statistics]") {
  struct Case {
    std::size_t channels, count, gap;
    std::vector<float> strange;  ///< somewhere among the values
  };
  const Case cases[] = {{1, 1, 0, {}},     {3, 700, 0, {}},
                        {8, 65, 0, {}},    {15, 1, 2, {}},
                        {16, 64, 0, {}},   {17, 63, 5, {std::nanf(""), kInf}},
                        {24, 1100, 8, {}}, {24, 1500, 0, {-kInf}},
                        {33, 9, 0, {}},    {100, 129, 0, {std::nanf("")}},
                        {1003, 40, 1, {}}};
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.2F, 1);
  for (const auto& [channels, count, gap, strange] : cases) {
    CAPTURE(channels, count, gap);
    const std::size_t stride = channels + gap;
    // Memory ends with the last value.
    std::vector<float> planar(channels * count), pixels((count - 1) * stride + channels, std::nanf(""));
    for (float& x : planar) x = std::max(normal(random), random() % 2 == 0 ? 0.0F : -10.0F);
    for (const float x : strange) planar[random() % planar.size()] = x;
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t i = 0; i < count; ++i) pixels[i * stride + c] = planar[c * count + i];
    ValueObserver expected(channels, 1, {true, true});
    const auto& forms = refcalib_test::available_isa_forms();
    for (int twice = 0; twice < 2; ++twice)
      expected.add({planar.data(), channels, count, count, 1}, forms.front().histogram);
    for (const refcalib_test::IsaForms& isa : forms) {
      CAPTURE(isa.name);
      ValueObserver rows(channels, 1, {true, true}), planes(channels, 1, {true, true});
      for (int twice = 0; twice < 2; ++twice) {
        rows.add({pixels.data(), channels, count, 1, stride}, isa.histogram);
        planes.add({planar.data(), channels, count, count, 1}, isa.histogram);
      }
      CHECK(rows.statistics() == expected.statistics());
      CHECK(planes.statistics() == expected.statistics());
    }
  }
}

TEST_CASE("NaN and infinities are counted and kept out of the sums", "[statistics]") {
  ValueObserver observer(2, 1);
  const float values[] = {1, std::nanf(""), 3, 4, 5, kInf};
  observer.add({values, 2, 3, 3, 1});
  const ValueStatistics& seen = observer.statistics();
  CHECK(seen.histogram.nan_count() == 1);
  CHECK(seen.histogram.inf_count() == 1);
  CHECK(seen.channel_min == std::vector<float>{1, 4});
  for (const float mean : seen.channel_means()) CHECK(std::isfinite(mean));
  // They survive a file.
  Statistics statistics = pattern();
  statistics.values.clear();
  statistics.values.emplace("x", seen);
  statistics.add_sample(5);
  CHECK(statistics_from_bytes(to_bytes(statistics)) == statistics);
}

TEST_CASE("shards in any number and order give the bytes of one run", "[statistics]") {
  const std::vector<unsigned> all = first(100);
  std::mt19937 random(5);
  for (const SampleRecords records :
       {SampleRecords{true, false}, SampleRecords{true, true}, SampleRecords{false, false}}) {
    const std::string expected = to_bytes(collected(all, records));
    for (const std::size_t shards : {1U, 2U, 7U, 100U}) {
      std::vector<unsigned> shuffled = all;
      std::shuffle(shuffled.begin(), shuffled.end(), random);
      std::vector<std::vector<unsigned>> parts(shards);
      for (std::size_t i = 0; i < shuffled.size(); ++i) parts[i % shards].push_back(shuffled[i]);
      Statistics sum = statistics_from_bytes(to_bytes(collected(parts[0], records)));
      for (std::size_t s = 1; s < shards; ++s)
        sum.merge(statistics_from_bytes(to_bytes(collected(parts[s], records))));
      sum.sort();
      CHECK(to_bytes(sum) == expected);
    }
    CHECK(to_bytes(collected(first(99), records)) != expected);
  }
}

TEST_CASE("a sample that is there twice counts twice", "[statistics]") {
  Statistics sum = collected({1, 2});
  sum.merge(collected({2, 3}));
  sum.sort();
  CHECK(to_bytes(sum) == to_bytes(collected({3, 2, 1, 2})));
  CHECK(sum.sample_count == 4);
  CHECK(sum.values.at("fc").observations == 4);
}

TEST_CASE("records that one side does not have are dropped, in either order", "[statistics]") {
  const Statistics with = collected({1, 2}, {true, true}), plain = collected({3}, {false, false});
  Statistics a = with, b = plain;
  a.merge(plain);
  b.merge(with);
  a.sort();
  b.sort();
  CHECK(a == b);
  CHECK(a.samples.empty());
  CHECK(a == collected({1, 2, 3}, {false, false}));
}

TEST_CASE("statistics of other things cannot be added", "[statistics]") {
  const Statistics one = collected({1});
  struct Case {
    void (*change)(Statistics&);
    const char* error;
  };
  const Case cases[] = {{[](Statistics& s) { s.origin.model_hash = 1; }, "different models"},
                        {[](Statistics& s) { s.origin.preprocessing_hash = 1; }, "prepared differently"},
                        {[](Statistics& s) { s.values.erase("fc"); }, "different values"},
                        {[](Statistics& s) {
                           s.values.erase("fc");
                           s.values.emplace("other", ValueStatistics(4, 1));
                         },
                         "different values"},
                        {[](Statistics& s) { s.values.at("fc") = ValueStatistics(5, 1); }, "value 'fc': "},
                        {[](Statistics& s) { s.values.at("fc").channel_axis = 2; }, "of dimension 2"}};
  for (const Case& c : cases) {
    Statistics other = collected({2}), sum = one;
    c.change(other);
    CHECK_THROWS_WITH(sum.merge(other), Contains(c.error));
  }
  Statistics unknown = collected({2}), sum = one;
  unknown.origin.preprocessing_hash = 0;
  unknown.origin.preprocessing.clear();
  unknown.merge(one);
  sum.merge(collected({2}));
  unknown.sort();
  sum.sort();
  CHECK(unknown == sum);
}

TEST_CASE("files are read as they were written, whatever names hold", "[statistics]") {
  Statistics statistics = collected(first(5), {true, true});
  statistics.origin.model = "two\nlines \\ and\ra return";
  statistics.values.emplace("a name\nwith everything \\n", statistics.values.at("fc"));
  statistics.values.emplace("", statistics.values.at("conv"));
  const std::string bytes = to_bytes(statistics);
  CHECK(bytes.starts_with("refcalib-statistics 1\nmodel 0000000000001234 two\\nlines \\\\ and\\ra return\n"));
  const Statistics read = statistics_from_bytes(bytes);
  CHECK(read == statistics);
  CHECK(to_bytes(read) == bytes);
  CHECK(statistics_from_bytes(to_bytes(pattern())) == pattern());
}

TEST_CASE("every damaged file is an error in one line", "[statistics]") {
  const std::string good = to_bytes(collected({1, 2}));
  CHECK(error_of(good) == "no error");
  for (std::size_t length = 0; length < good.size(); ++length) {
    const std::string error = error_of(std::string_view(good).substr(0, length));
    CHECK((error != "no error" && error.find('\n') == std::string::npos));
  }
  for (std::size_t at = 0; at < good.size(); ++at)
    for (const char flip : {'\1', '\x80'}) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      CHECK(error_of(damaged) != "no error");
    }
  const std::string many(good.size(), 'x');
  struct Case {
    std::string bytes;
    const char* error;
  };
  const Case cases[] = {
      {"", "no"},
      {many, "not a file of refcalib statistics"},
      {replaced(good, "statistics 1", "statistics 2"), "version '2'"},
      {good + "x", "1 bytes too many"},
      {good.substr(0, good.size() - 1), "ends too early"},
      {resealed(replaced(good, "samples 2", "samples 9000000000000000000")), "ends too early"},
      {resealed(replaced(good, "samples 2", "samples -2")), "in place of a number"},
      {resealed(replaced(good, "records ranges", "records rangers")), "'rangers' that are not known"},
      {resealed(replaced(good, "records ranges", "records       ")), "bytes too many"},
      {resealed(replaced(good, "bins 4096", "bins 4095")), "another number of bins"},
      {resealed(replaced(good, "value 3 1", "value 4 1")), "ends too early"},
      {resealed(replaced(good, "value 3 1", "value 2 1")), "more data than it needs"},
      {resealed(replaced(good, " conv\n", " zonv\n")), "not in order"},
      {resealed(replaced(good, " conv\n", " c\\xv\n")), "stray backslash"},
      {resealed(replaced(good, "end\n", "enf\n")), "no line 'end'"},
      {resealed(replaced(good, "model ", "modal ")), "no line 'model'"}};
  for (const Case& c : cases) {
    INFO(c.error);
    CHECK_THAT(error_of(c.bytes), Contains(c.error));
  }
  // Random damage below a right check sum: an error or other statistics, never a crash.
  std::mt19937 random(9);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = good;
    for (unsigned k = 0; k <= random() % 3; ++k)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    CHECK(error_of(resealed(damaged)).find('\n') == std::string::npos);
  }
}

TEST_CASE("files appear whole and errors name them", "[statistics]") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "refcalib-statistics-test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / "a.rcstat";
  save_statistics(collected({1, 2}), file);
  CHECK(load_statistics(file) == collected({1, 2}));
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  CHECK_THROWS_WITH(load_statistics(folder / "none"), Contains("none: cannot be opened"));
  CHECK_THROWS_WITH(save_statistics(pattern(), folder / "no" / "a"), Contains("a: cannot be written"));
  std::ofstream(file) << "something";
  CHECK_THROWS_WITH(load_statistics(file), Contains("a.rcstat: it is not a file of refcalib statistics"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a collector looks at one of so many samples and says what is missing", "[statistics]") {
  Collector collector(pattern(), 3);
  const Sample sample(1);
  for (int i = 0; i < 7; ++i) {
    const bool wanted = collector.begin_sample(sample.conv);
    CHECK(wanted == (i % 3 == 0));
    if (!wanted) continue;
    collector.add(0, {sample.conv.data(), 3, 10, 10, 1});
    CHECK_THROWS_WITH(collector.end_sample(), Contains("'fc' is missing"));
    collector.add(1, {sample.fc.data(), 4, 1, 1, 4});
    CHECK_THROWS_WITH(collector.add(1, {sample.fc.data(), 4, 1, 1, 4}), Contains("'fc' was added twice"));
    collector.end_sample();
  }
  CHECK(collector.statistics().sample_count == 3);
  CHECK_THROWS_WITH(collector.find("relu"), Contains("'relu' is not watched"));
  CHECK_THROWS_AS(Collector(pattern(), 0), std::invalid_argument);
}
