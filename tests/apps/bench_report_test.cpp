#include "apps/refcalib/bench_report.h"

#include <filesystem>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::app;
using refcalib_test::Contains;

namespace {

const refcalib::engine::StepInfo& conv_step() {
  static const refcalib::engine::StepInfo step{"conv1", "Convolution", "conv_u8s8/x", "I8", "", 1000000, {},
                                               {}};
  return step;
}

BenchResult sample() {
  BenchResult result;
  result.model = "a.xml";
  result.latency = summarize({1.0, 2.0, 3.0});
  result.fps = 500;
  result.load_ms = 12.5;
  result.peak_bytes = 5000000;
  result.threads = 2;
  result.isa = "avx2";
  result.precision.heavy = 3;
  result.precision.int8 = 2;
  result.layers = {{&conv_step(), 0.001, 0.0009, 0.002, 2.0, 50.0}};
  return result;
}

}  // namespace

TEST_CASE("the JSON report has the documented keys", "[bench]") {
  const std::string json = bench_json(sample(), std::nullopt, Counters::average);
  for (const char* key : {"median_ms", "min_ms", "mean_ms", "std_ms", "p90_ms", "p99_ms", "fps", "load_ms",
                          "peak_mb", "threads", "isa", "precision", "layers"})
    CHECK_THAT(json, Contains("\"" + std::string(key) + "\": "));
  CHECK_THAT(json, Contains("\"median_ms\": 2,"));
  CHECK_THAT(json, Contains("\"precision\": \"INT8\""));
  CHECK_THAT(json, Contains("\"peak_mb\": 5,"));
  CHECK_THAT(json, Contains("\"layers\": [{\"name\": \"conv1\""));
  CHECK(json.find("\"vs\"") == std::string::npos);
}

TEST_CASE("the counters decide what a report says about layers", "[bench]") {
  CHECK_THAT(bench_json(sample(), std::nullopt, Counters::none), Contains("\"layers\": []"));
  CHECK(bench_json(sample(), std::nullopt, Counters::average).find("max_ms\": 2}") == std::string::npos);
  CHECK_THAT(bench_json(sample(), std::nullopt, Counters::detailed), Contains("\"max_ms\": 2}"));
  CHECK(bench_csv(sample(), std::nullopt, Counters::none).find("conv1") == std::string::npos);
  CHECK_THAT(bench_csv(sample(), std::nullopt, Counters::average),
             Contains("\nconv1,Convolution,I8,conv_u8s8/x,1.0000,"));
}

TEST_CASE("the second model and the ratio are reported", "[bench]") {
  const VersusResult versus{sample(), summarize({2.0, 2.5, 3.0})};
  CHECK_THAT(bench_json(sample(), versus, Counters::none), Contains("\"ratio\": 2.5"));
  CHECK_THAT(bench_csv(sample(), versus, Counters::none), Contains("ratio,2.5\n"));
}

TEST_CASE("a report needs a known extension", "[bench]") {
  CHECK_THROWS_AS(write_bench_report("x.txt", sample(), std::nullopt, Counters::none),
                  refcalib::engine::UsageError);
  CHECK_FALSE(std::filesystem::exists("x.txt"));
}
