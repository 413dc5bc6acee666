#include <cmath>
#include <fstream>
#include <iterator>

#include "engine/core/error.h"
#include "engine/formats/tables/table_formats.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib::engine::tables;
using namespace refcalib_test;

namespace {

using Place = ActivationEntry::Place;

std::string write_text(const TemporaryFolder& folder, const std::string& text) {
  const std::string path = folder / "table";
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// As the tools' documentation shows them.
constexpr const char* kNcnn =
    "conv1_param_0 156.639840\n"
    "conv2_1/dw_param_0 0 72.129143 149.919382\n"
    "conv1 49.466518\n"
    "conv2_1/dw 123.720796\n";
constexpr const char* kTensorRt =
    "TRT-7000-EntropyCalibration2\n"
    "data: 3c008912\n"
    "conv1: 3c88edfc\n"
    "pool1: 3c88edfc\n"
    "conv2: 3ddc858b\n"
    "(Unnamed Layer* 48) [Constant]_output: 3c3604b4\n";
constexpr const char* kTpuMlir =
    "# genetated time: 2022-08-11 10:00:59.743675\n"
    "# histogram number: 2048\n"
    "###\n"
    "# op_name    threshold    min    max\n"
    "images 1.0000080 0.0000000 1.0000080\n"
    "122_Conv 56.4281803 -102.5830231 97.6811752\n";
constexpr const char* kBmnet =
    "layer {\n  name: \"data_0\"\n  blob_param {\n    name: \"data_0\"\n    threshold_y: 0.99658036\n  }\n}\n"
    "layer {\n  name: \"conv1_1\"\n  right_shift_width: 9\n  blob_param {\n    name: \"conv1_1\"\n"
    "    threshold_y: 1.835129\n  }\n}\n"
    "layer {\n  name: \"pool1_1\"\n  right_shift_width: 7\n  threshold_x_quantized: 128\n"
    "  blob_param {\n    name: \"pool1_1\"\n    threshold_y: 1.835129\n  }\n}\n";
constexpr const char* kAimetOld = R"({"activation_encodings": {
    "input": [{"bitwidth": 8, "dtype": "int", "is_symmetric": "False", "max": 2.55, "min": 0.0, "offset": 0, "scale": 0.01}],
    "wide": [{"bitwidth": 16, "dtype": "int", "is_symmetric": "False", "max": 1, "min": 0.0, "offset": 0, "scale": 0.1}],
    "out": [{"bitwidth": 8, "dtype": "int", "is_symmetric": "True", "max": 3.175, "min": -3.2, "offset": -128, "scale": 0.025}]},
  "param_encodings": {
    "conv1.bias": [{"bitwidth": 32}],
    "conv1.weight": [{"bitwidth": 8, "is_symmetric": "True", "offset": -128, "scale": 0.02, "min": -2.56, "max": 2.54},
                     {"bitwidth": 8, "is_symmetric": "True", "offset": -128, "scale": 0.01, "min": -1.28, "max": 1.27}]}})";
constexpr const char* kAimetNew = R"({"version": "1.0.0", "activation_encodings": [
    {"name": "input", "dtype": "INT", "enc_type": "PER_TENSOR", "bw": 8, "is_sym": false, "scale": [0.01], "offset": [-55]}],
  "param_encodings": [
    {"name": "conv1.weight", "dtype": "INT", "enc_type": "PER_CHANNEL", "bw": 8, "is_sym": true, "scale": [0.02, 0.01], "offset": [-128, -128]}]})";
constexpr const char* kOwn =
    R"({"refcalib_table": 1, "activations": [{"name": "a", "low": -0.5, "high": 2.05, "symmetric": false},
  {"name": "b", "low": -1, "high": 1, "symmetric": true, "place": "input", "observed": [-3, 2.5]}],
  "weights": [{"layer": "c", "limits": [1, 0.25]}]})";

ReadTable read_text(const std::string& text, const std::string& format = {}) {
  const TemporaryFolder folder;
  return read_table(write_text(folder, text), format);
}

}  // namespace

TEST_CASE("tables as the tools document them are recognised and read", "[tables]") {
  struct Case {
    const char *text, *format;
    std::size_t activations, weights, notes;
  };
  for (const Case& c : {Case{kNcnn, "ncnn", 2, 2, 0}, Case{kTensorRt, "tensorrt", 5, 0, 0},
                        Case{kTpuMlir, "tpu-mlir", 2, 0, 0}, Case{kBmnet, "bmnet", 3, 0, 0},
                        Case{kAimetOld, "aimet", 2, 1, 1}, Case{kAimetNew, "aimet", 1, 1, 0},
                        Case{kOwn, "refcalib", 2, 1, 0}}) {
    INFO(c.text);
    const ReadTable read = read_text(c.text);
    CHECK(read.format->name == c.format);
    CHECK(read.table.activations.size() == c.activations);
    CHECK(read.table.weights.size() == c.weights);
    CHECK(read.table.notes.size() == c.notes);
  }
}

TEST_CASE("thresholds are what the integers reach", "[tables]") {
  const CalibrationTable ncnn = read_text(kNcnn).table;
  CHECK(ncnn.weights_choose_layers);
  CHECK(ncnn.activations[0].name == "conv1");
  CHECK(ncnn.activations[0].place == Place::input);
  CHECK(ncnn.activations[0].high == Approx(127 / 49.466518));
  CHECK(ncnn.weights[1].layer == "conv2_1/dw");
  CHECK(ncnn.weights[1].limits[0] == 0);
  CHECK(ncnn.weights[1].limits[2] == Approx(127 / 149.919382));

  const CalibrationTable cache = read_text(kTensorRt).table;
  CHECK(cache.activations[0].high == Approx(127 * 0.0078452).epsilon(1e-4));  // 0x3c008912 = 0.0078452
  CHECK(cache.activations[4].name == "(Unnamed Layer* 48) [Constant]_output");

  const CalibrationTable mlir = read_text(kTpuMlir).table;
  CHECK(mlir.activations[1].high == Approx(56.4281803));
  CHECK(mlir.activations[1].observed == std::pair(-102.5830231, 97.6811752));

  const CalibrationTable bitmain = read_text(kBmnet).table;
  CHECK(bitmain.activations[1].name == "conv1_1");
  CHECK(bitmain.activations[1].high == Approx(1.835129 * 127 / 128));

  const CalibrationTable old = read_text(kAimetOld).table;
  CHECK_FALSE(old.activations[0].symmetric);
  CHECK(old.activations[0].high == Approx(2.55));
  CHECK(old.activations[1].symmetric);
  CHECK(old.activations[1].low == Approx(-3.175));
  CHECK(old.weights[0].layer == "conv1");
  CHECK(old.weights[0].limits == std::vector<double>{127 * 0.02, 127 * 0.01});
  const CalibrationTable later = read_text(kAimetNew).table;
  CHECK(later.activations[0].low == Approx(-0.55));
  CHECK(later.activations[0].high == Approx(2.0));
}

TEST_CASE("older forms are read: thresholds beside the layer's name, several scales of an input",
          "[tables]") {
  const CalibrationTable bitmain =
      read_text(
          "layer { name: \"conv1\" threshold_y: 2.5 # of 128\n right_shift_width: 9 other { a: { b: 1 } } }")
          .table;
  REQUIRE(bitmain.activations.size() == 1);
  CHECK(bitmain.activations[0].high == Approx(2.5 * 127 / 128));
  const CalibrationTable ncnn =
      read_text("dw_param_0 1 2\n#conv_param_0 5\ndw 0 123.5 48.5 // every group\n").table;
  REQUIRE(ncnn.activations.size() == 1);
  CHECK(ncnn.activations[0].high == Approx(127 / 48.5));
  CHECK(ncnn.weights.size() == 1);
  CHECK(ncnn.notes.size() == 1);
  const CalibrationTable mlir =
      read_text("# op_name threshold min max\na 1 -1 1\nb 0 0 0\n#weight_scale\nc 2 0.1 0.2\n").table;
  CHECK(mlir.activations.size() == 1);
  CHECK(mlir.notes.size() == 2);
}

TEST_CASE("what is written is read back and written to the same bytes", "[tables]") {
  const TemporaryFolder folder;
  for (const char* const text : {kNcnn, kTensorRt, kTpuMlir, kBmnet, kAimetOld, kAimetNew, kOwn}) {
    INFO(text);
    const ReadTable first = read_text(text);
    const std::string a = folder / "a", b = folder / "b";
    write_table(first.table, *first.format, a);
    const ReadTable second = read_table(a);
    CHECK(second.format == first.format);
    REQUIRE(second.table.activations.size() == first.table.activations.size());
    for (std::size_t i = 0; i < first.table.activations.size(); ++i) {
      const ActivationEntry &x = first.table.activations[i], &y = second.table.activations[i];
      CHECK(x.name == y.name);
      CHECK(x.place == y.place);
      CHECK(x.low == Approx(y.low).epsilon(1e-8));
      CHECK(x.high == Approx(y.high).epsilon(1e-8));
      CHECK(x.symmetric == y.symmetric);
    }
    REQUIRE(second.table.weights.size() == first.table.weights.size());
    for (std::size_t i = 0; i < first.table.weights.size(); ++i) {
      CHECK(first.table.weights[i].layer == second.table.weights[i].layer);
      CHECK(first.table.weights[i].limits.size() == second.table.weights[i].limits.size());
    }
    write_table(second.table, *second.format, b);
    CHECK(text_of(a) == text_of(b));
  }
  // The bits of a cache survive.
  const std::string cache = folder / "cache";
  write_table(read_text(kTensorRt).table, table_format("tensorrt"), cache);
  CHECK(text_of(cache).find("conv2: 3ddc858b\n") != std::string::npos);
}

TEST_CASE("every format writes values of the others", "[tables]") {
  const TemporaryFolder folder;
  const CalibrationTable own = read_text(kOwn).table;
  for (const TableFormat* const format : table_formats()) {
    INFO(format->name);
    const std::string path = folder / std::string(format->name);
    write_table(own, *format, path);
    const ReadTable read = read_table(path);
    CHECK(read.format == format);
    CHECK(read.table.activations.front().threshold() ==
          Approx(format->name == "ncnn" ? 1.0 : 2.05).epsilon(1e-6));
  }
  const CalibrationTable values = read_text(kTensorRt).table;
  CHECK_THROWS_WITH(write_table(values, table_format("ncnn"), folder / "x"), Contains("by the layer"));
}

TEST_CASE("BMNet's table in binary form is the same as in text form", "[tables]") {
  const TableFormat& binary = table_format("bmnet", "a.pb2");
  if (binary.extension.empty()) return;  // a build without Caffe
  CHECK(&table_format("bmnet", "a.txt") != &binary);
  const TemporaryFolder folder;
  const std::string path = folder / "table.pb2", again = folder / "again.pb2";
  const CalibrationTable text = read_text(kBmnet).table;
  write_table(text, binary, path);
  for (const char* const name : {"", "bmnet"}) {
    const ReadTable read = read_table(path, name);
    CHECK(read.format == &binary);
    REQUIRE(read.table.activations.size() == text.activations.size());
    for (std::size_t i = 0; i < text.activations.size(); ++i) {
      CHECK(read.table.activations[i].name == text.activations[i].name);
      CHECK(read.table.activations[i].high == Approx(text.activations[i].high).epsilon(1e-6));
    }
    write_table(read.table, binary, again);
    CHECK(text_of(again) == text_of(path));
  }
  // layer (100) { name (1): "c" right_shift_width (3): 9 blob_param (5) { name (1): "t" threshold_y (2): 2.5 } }, without blobs: threshold_y (2).
  const auto bytes = [](const std::string& content) {
    return "\xa2\x06" + std::string(1, static_cast<char>(content.size())) + content;
  };
  const std::string threshold("\0\0\x20\x40", 4);
  const std::string blob = "\x0a\x01t\x15" + threshold;
  const std::string two = blob + std::string("\x2a\x08\x0a\x01u\x15", 6) + threshold;
  for (const std::string& content : {"\x0a\x01"
                                     "c\x18\x09\x2a\x08" +
                                         blob,
                                     "\x0a\x01"
                                     "c\x15" +
                                         threshold}) {
    const CalibrationTable read = read_text(bytes(content)).table;
    REQUIRE(read.activations.size() == 1);
    CHECK(read.activations[0].name == "c");
    CHECK(read.activations[0].high == 2.5 * 127 / 128);
  }
  const CalibrationTable several = read_text(bytes("\x0a\x01"
                                                   "c\x2a\x08" +
                                                   two))
                                       .table;
  REQUIRE(several.activations.size() == 2);
  CHECK(several.activations[1].name == "u");
  CHECK_THROWS_WITH(read_text(bytes("\x0a\x05"
                                    "c")),
                    Contains("damaged"));
  const std::string negative =
      "\x0a\x01"
      "c\x15" +
      std::string("\0\0\x20\xc0", 4);
  CHECK_THROWS_WITH(read_text(bytes(negative)), Contains("negative"));
}

TEST_CASE("layers that work in place are told apart by their own names", "[tables]") {
  const CalibrationTable table = read_text(
                                     "layer { name: \"conv\" blob_param { name: \"conv\" threshold_y: 3 } }\n"
                                     "layer { name: \"relu\" blob_param { name: \"conv\" threshold_y: 2 } }\n"
                                     "layer { name: \"slice\" blob_param { name: \"a\" threshold_y: 1 } "
                                     "blob_param { name: \"b\" threshold_y: 1 } }")
                                     .table;
  std::vector<std::string> names;
  for (const ActivationEntry& entry : table.activations) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"conv", "relu", "a", "b"});
}

TEST_CASE("tables call places as their tools do", "[tables]") {
  const std::vector<NodeName> nodes = {
      {"12", "Conv_0", "Conv"}, {"13", "Relu_1", "Relu"}, {"14", "13", "Conv"}, {"15", "15", "Gemm"}};
  const auto named = [&](Naming naming, const std::vector<std::string>& names, bool to_values) {
    CalibrationTable table;
    for (const std::string& name : names) {
      table.activations.push_back({name, Place::input, -1, 1, true, {}});
      table.weights.push_back({name, {1}});
    }
    table = to_values ? by_values(table, naming, nodes) : by_names(table, naming, nodes);
    std::vector<std::string> result;
    for (std::size_t i = 0; i < names.size(); ++i) {
      CHECK(table.weights[i].layer == table.activations[i].name);
      result.push_back(table.activations[i].name);
    }
    return result;
  };
  using Names = std::vector<std::string>;
  const Names values{"images", "12", "13", "14", "15"};
  const Names by_node{"images", "Conv_0", "Relu_1", "13", "15"};
  const Names by_type{"images", "12_Conv", "13_Relu", "14_Conv", "15_Gemm"};
  CHECK(named(Naming::values, values, false) == values);
  CHECK(named(Naming::nodes, values, false) == by_node);
  CHECK(named(Naming::typed_values, values, false) == by_type);
  // A node has the name of another node's value: the tool's own names count first.
  CHECK(named(Naming::nodes, by_node, true) == values);
  CHECK(named(Naming::typed_values, by_type, true) == values);
  CHECK(named(Naming::values, values, true) == values);
  // Names of another kind are found, too.
  CHECK(named(Naming::values, {"Conv_0", "13_Relu", "13"}, true) == Names{"12", "13", "13"});
  CHECK(named(Naming::nodes, {"12", "14", "other"}, true) == Names{"12", "14", "other"});
  CHECK(table_format("ncnn").naming == Naming::nodes);
  CHECK(table_format("tpu-mlir").naming == Naming::typed_values);
  CHECK(table_format("tensorrt").naming == Naming::values);
}

TEST_CASE("what no table is, is refused in one line with its place", "[tables]") {
  struct Case {
    const char *text, *format, *message;
  };
  for (const Case& c :
       {Case{"", "", "no known calibration table"},
        Case{"hello world", "", "known calibration table"},
        Case{"conv1_param_0\n", "ncnn", "line 1: 'conv1_param_0' has no scale"},
        Case{"a_param_0 1\n\na x\n", "ncnn", "line 3: 'x' is not a number"},
        Case{"a_param_0 1\na -1\n", "ncnn", "negative"},
        Case{"a_param_0 1\na 0\n", "ncnn", "is 0"},
        Case{"a_param_0 1\n", "", "no limits of activations"},
        Case{"a_param_0 1\na 1\na 2\n", "", "'a' is stated twice"},
        Case{"a_param_0 1\na_param_0 1\na 2\n", "", "weights of 'a' are stated twice"},
        Case{"TRT-1-X\na: 3c0089zz\n", "", "line 2: '3c0089zz'"},
        Case{"TRT-1-X\na\n", "", "line 2"},
        Case{"TRT-1-X\na: 7f800000\n", "", "not finite"},
        Case{"TRT-1-X\na: bf800000\n", "", "negative"},
        Case{"# op_name\na 1 2\n", "", "NAME threshold min max"},
        Case{"# op_name\na 1 2 1\n", "", "min lies above max"},
        Case{"layer { name: \"a\" threshold_y: x }", "", "'x' is not a number"},
        Case{"layer { name: \"a\" threshold_y: 1", "", "ends early"},
        Case{"layer { name: \"a threshold_y: 1 }", "", "quotation mark"},
        Case{"layer { threshold_y: 1 }", "", "in front of the layer's name"},
        Case{"layer { name: \"a\" x { threshold_y: 1 ", "", "not closed"},
        Case{"{\"activation_encodings\": ", "", "not a JSON object"},
        Case{"{\"activation_encodings\": {\"a\": [{\"bitwidth\": 8}]}}", "", "has no number 'scale'"},
        Case{"{\"activation_encodings\": {\"a\": [{\"bitwidth\": 8, \"scale\": 1, \"offset\": 3}]}}", "",
             "offset"},
        Case{"{\"activation_encodings\": [{\"bw\": 8}]}", "", "has no name"},
        Case{"{\"activation_encodings\": 3}", "", "neither an object nor a list"},
        Case{"{\"refcalib_table\": 2}", "", "newer version"},
        Case{"{\"refcalib_table\": 1, \"activations\": [{\"name\": \"a\", \"low\": 1, \"high\": 2}]}", "",
             "around zero"},
        Case{"{\"refcalib_table\": 1, \"activations\": [{\"low\": 1}]}", "", "no valid 'name'"}}) {
    INFO(c.text);
    CHECK_THROWS_WITH(read_text(c.text, c.format), Contains(c.message) && Contains("table"));
  }
  CHECK_THROWS_AS(read_table("/nowhere/at/all"), IoError);
  CHECK_THROWS_WITH(table_format("caffe"), Contains("known: refcalib, aimet, tensorrt"));
}
