// Methods, presets and targets as users write them.

#include "engine/calibration/method_spec.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "engine/calibration/options.h"
#include "engine/calibration/presets.h"
#include "engine/calibration/target_profile.h"
#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib;
using namespace refcalib::engine;
using Catch::Contains;

TEST_CASE("a method is read with its parameters", "[calibration]") {
  for (const ThresholdMethod& method : threshold_methods()) {
    const MethodSpec spec = parse_method(method.name);
    CHECK(spec.name() == method.name);
    CHECK(spec.method->search == method.search);
    CHECK_THAT(describe_methods(), Contains(std::string(method.name)));
  }
  CHECK(parse_method("auto").automatic());
  CHECK(parse_method("percentile:99.9").options.percentile.percent == 99.9);
  const ThresholdOptions kl = parse_method("kl:bins=4096,levels=128,step=2,smoothing=0.25").options;
  CHECK(kl.kl.bins == 4096);
  CHECK(kl.kl.levels == 128);
  CHECK(kl.kl.step == 2);
  CHECK(kl.kl.smoothing == 0.25);
  const ThresholdOptions image = parse_method("image-percentile:99,interpolate=0").options;
  CHECK(image.image_percentile.percent == 99.0);
  CHECK_FALSE(image.image_percentile.interpolate);
  CHECK(parse_method("moving-average:0.1").options.moving_average.constant == 0.1);
  CHECK(parse_method("octav:iterations=5,tolerance=0").options.octav.iterations == 5);
  ThresholdOptions defaults;
  defaults.kl.bins = 1024;
  CHECK(parse_method("kl:levels=128", defaults).options.kl.bins == 1024);
}

TEST_CASE("defaults are those of the documentation", "[calibration]") {
  // ONNX Runtime's percentile says 99.99 and takes 99.999. Here the help text prints what the code takes, and
  // the table in docs/methods.md must say the same.
  std::ifstream page(std::filesystem::path(REFCALIB_SOURCE_DIR) / "docs" / "methods.md");
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  std::istringstream lines(describe_methods());
  std::size_t parameters = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    std::size_t row = text.find("| `" + line.substr(0, colon) + "` |");
    if (row == std::string::npos) row = text.find("| **`" + line.substr(0, colon) + "`** (default) |");
    INFO(line);
    REQUIRE(row != std::string::npos);
    const std::string documented = text.substr(row, text.find('\n', row) - row);
    if (colon == std::string::npos) {
      CHECK(documented.find('=') == std::string::npos);
      continue;
    }
    std::istringstream items(line.substr(colon + 1));
    for (std::string item; std::getline(items, item, ','); ++parameters) {
      const std::string key = "`" + item.substr(0, item.find('=') + 1);
      const std::size_t at = documented.find(key);
      REQUIRE(at != std::string::npos);
      CHECK(std::stod(documented.substr(at + key.size())) == std::stod(item.substr(key.size() - 1)));
    }
  }
  CHECK(parameters == 12);
}

TEST_CASE("the default method keeps what is rare and far away", "[calibration]") {
  // Detection heads: KL, the default elsewhere, cuts off the scores that matter (TensorRT issue 2705).
  Histogram head;
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i) values.push_back(0.1F * static_cast<float>(i % 1000) / 1000.0F);
  for (int i = 0; i < 100; ++i) values.push_back(4.0F + 0.02F * static_cast<float>(i));
  head.update(std::span<const float>(values));
  const auto top = [&](const std::string& method) {
    const MethodSpec spec = parse_method(method);
    return spec.method->search(head, kUint8, Scheme::asymmetric, spec.options).max;
  };
  CHECK(top(default_method()) > 5.0F);
  CHECK(top("kl") < 3.0F);
}

TEST_CASE("a method that cannot be read is explained", "[calibration]") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c :
       {Case{"percentil", "is 'percentile' meant?"}, Case{"entropy", "known: minmax"},
        Case{"", "unknown threshold method ''"}, Case{"kl:99.5", "'99.5' is no whole number for bins"},
        Case{"kl:bins=100", "multiple of 128"}, Case{"kl:size=3", "'kl' has bins, levels"},
        Case{"percentile:101", "at most 100"}, Case{"percentile:", "'' is no number for percent"},
        Case{"percentile:nan", "is no number"}, Case{"minmax:3", "'minmax' has no parameters"},
        Case{"auto:3", "'auto' has no parameters"}, Case{"moving-average:2", "at most 1"},
        Case{"octav:1e99", "is no whole number"}, Case{"mse:scales=0", "at least 1"}}) {
    INFO(c.text);
    CHECK_THROWS_AS(parse_method(c.text), UsageError);
    CHECK_THROWS_WITH(parse_method(c.text), Contains(c.message));
  }
}

TEST_CASE("presets set the scheme", "[calibration]") {
  CalibrationOptions options;
  find_preset("performance").apply(options);
  CHECK(options.activations == "symmetric");
  for (const char* name : {"mixed", "accuracy"}) {
    find_preset(name).apply(options);
    CHECK(options.activations == "asymmetric");
  }
  // The default preset is what the options are without any.
  CalibrationOptions untouched, preset;
  find_preset(std::string(kDefaultPreset)).apply(preset);
  CHECK(preset.activations == untouched.activations);
  CHECK(preset.correct_bias == untouched.correct_bias);
  CHECK_THROWS_WITH(find_preset("acuracy"), Contains("is 'accuracy' meant?"));
  CHECK_THROWS_AS(find_preset("fast"), UsageError);
}

TEST_CASE("the built-in targets", "[calibration]") {
  for (const std::string& name : built_in_targets()) CHECK(load_target(name).name == name);
  const TargetProfile vnni = load_target("vnni"), own;
  CHECK(vnni.weight_steps() == 127);
  CHECK(vnni.asymmetric == own.asymmetric);
  CHECK(vnni.weight_bits == own.weight_bits);
  CHECK(load_target("avx2").weight_steps() == 63);
  const TargetProfile npu = load_target("generic-npu");
  CHECK(npu.activation_levels() == kInt8);
  CHECK(npu.power_of_two_activations);
  CHECK(npu.power_of_two_weights);
  CHECK_FALSE(npu.asymmetric);
  CHECK_THROWS_WITH(load_target("vnii"), Contains("is 'vnni' meant?"));
}

TEST_CASE("a target from a file", "[calibration]") {
  const std::string file = (std::filesystem::temp_directory_path() / "refcalib_target_test.json").string();
  std::ofstream(file) << R"({"name": "mine", "weights": {"bits": 4, "granularity": ["per-tensor"]},
                             "float_types": ["Soft*"]})";
  const TargetProfile mine = load_target(file);
  CHECK(mine.name == "mine");
  CHECK(mine.weight_steps() == 7);
  CHECK_FALSE(mine.per_channel_weights);
  CHECK(mine.asymmetric);
  CHECK(mine.float_types == std::vector<std::string>{"Soft*"});
  std::filesystem::remove(file);
  CHECK_THROWS_AS(load_target(file), IoError);
}

TEST_CASE("a damaged profile is named by line or field", "[calibration]") {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c :
       {Case{"{\n  \"name\": \"x\",\n  \"weights\" {}\n}", "line 3, column 13"}, Case{"", "line 1"},
        Case{"[]", "must be an object"}, Case{"{}", "field 'name' is missing"},
        Case{R"({"name": 3})", "field 'name' must be a text"},
        Case{R"({"name": "x", "weigths": {}})", "'weigths' is no field of a profile (is 'weights' meant?)"},
        Case{R"({"name": "x", "weights": {"bits": 9}})",
             "field 'weights.bits' must be a whole number from 2 to 8"},
        Case{R"({"name": "x", "weights": {"bits": 7.5}})", "field 'weights.bits' must be a whole number"},
        Case{R"({"name": "x", "weights": 3})", "'weights' must be an object"},
        Case{R"({"name": "x", "activations": {"schemes": []}})", "must not be empty"},
        Case{R"({"name": "x", "activations": {"schemes": ["affine"]}})",
             "cannot be 'affine'; known: symmetric"},
        Case{R"({"name": "x", "activations": {"signedness": "s8"}})", "cannot be 's8'"},
        Case{R"({"name": "x", "activations": {"signedness": "signed"}})", "'activations.schemes' must be"},
        Case{R"({"name": "x", "float_types": "SoftMax"})", "must be a list of texts"}}) {
    INFO(c.text);
    CHECK_THROWS_AS(parse_target(c.text, "mine.json"), FormatError);
    CHECK_THROWS_WITH(parse_target(c.text, "mine.json"), Contains("mine.json") && Contains(c.message));
  }
}
