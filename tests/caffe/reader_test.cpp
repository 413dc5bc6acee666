#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "engine/formats/caffe/calibration_table.h"
#include "engine/formats/caffe/weights_file.h"
#include "engine/formats/caffe/write_quantized.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model_formats.h"
#include "tests/caffe/caffe_model.h"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

using Floats = std::vector<float>;

const std::string kInput = "input: \"x\" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 3\n";
const std::string kConv =
    "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { num_output: 2 "
    "kernel_size: 1 } }\n";

Floats numbers(std::size_t count) {
  Floats values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>((i * 29 + 7) % 41) / 20.0F - 1.0F);
  return values;
}

std::string slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string error_of(const std::string& net) {
  CaffeModel model(net, "errors");
  model.blob("c", {2, 2, 1, 1}, numbers(4)).blob("c", {2}, {1, 2});
  return caffe_error(model.write());
}

}  // namespace

TEST_CASE("Both layer formats and all ways to state inputs give the same network", "[caffe]") {
  const Floats x = numbers(18);
  const char* const nets[] = {
      "input: \"x\" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 3\n"
      "layers { name: \"c\" type: CONVOLUTION bottom: \"x\" top: \"c\" blobs_lr: 1 convolution_param { "
      "num_output: 2 kernel_size: 1 } }\n"
      "layers { name: \"r\" type: RELU bottom: \"c\" top: \"c\" }\n",
      "input: \"x\" input_shape { dim: 1 dim: 2 dim: 3 dim: 3 }\n"
      "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" param { lr_mult: 1 } "
      "convolution_param { num_output: 2 kernel_size: 1 weight_filler { type: \"xavier\" } } }\n"
      "layer { name: \"r\" type: \"ReLU\" bottom: \"c\" top: \"c\" }\n",
      "layer { name: \"in\" type: \"Input\" top: \"x\" input_param { shape { dim: 1 dim: 2 dim: 3 dim: 3 } } "
      "}\n"
      "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { num_output: 2 "
      "kernel_size: 1 } }\n"
      "layer { name: \"r\" type: \"ReLU\" bottom: \"c\" top: \"r\" }\n",
      "layer { name: \"d\" type: \"MemoryData\" top: \"x\" top: \"label\" memory_data_param { batch_size: 1 "
      "channels: 2 height: 3 width: 3 } }\n"
      "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { num_output: 2 "
      "kernel_size: 1 } }\n"
      "layer { name: \"r\" type: \"ReLU\" bottom: \"c\" top: \"r\" }\n"
      "layer { name: \"a\" type: \"Accuracy\" bottom: \"r\" bottom: \"label\" top: \"a\" include { phase: "
      "TEST } }\n"
      "layer { name: \"l\" type: \"EuclideanLoss\" bottom: \"r\" bottom: \"label\" top: \"l\" }\n"};
  const auto* first = nets;
  Floats expected;
  for (const char* net : nets) {
    INFO(net);
    CaffeModel model(net, "formats");
    model.blob("c", {2, 2, 1, 1}, {1, 2, -1, 0.5F}).blob("c", {1, 1, 1, 2}, {0.25F, -0.5F});
    if (net == *first) {  // the older format of weights, too
      caffe::proto::WeightsNet old;
      caffe::proto::WeightsLayerV1& layer = *old.add_layers();
      layer.set_name("c");
      for (const auto& blob : model.weights().layer(0).blobs()) *layer.add_blobs() = blob;
      layer.mutable_blobs(0)->clear_shape();
      layer.mutable_blobs(0)->set_num(2);
      layer.mutable_blobs(0)->set_channels(2);
      layer.mutable_blobs(0)->set_height(1);
      layer.mutable_blobs(0)->set_width(1);
      model.weights() = old;
    }
    const Model read = load_model(model.write());
    CHECK(read.graph.value(read.graph.outputs.at(0)).name == "r");
    const auto outputs = run_floats(read.graph, {x});
    REQUIRE(outputs.size() == 1);
    if (expected.empty()) expected = outputs[0];
    CHECK(outputs[0] == expected);
  }
  CHECK(std::fabs(expected[0] - std::max(0.0F, x[0] + 2 * x[9] + 0.25F)) < 1e-6F);
}

TEST_CASE("Rules of phase, level and stage choose the network that is tested", "[caffe]") {
  const auto outputs = [](const std::string& layers) {
    CaffeModel model(kInput + "state { stage: \"deploy\" }\n" + layers, "phases");
    const Model read = load_model(model.write());
    std::vector<std::string> names;
    for (const ValueId id : read.graph.outputs) names.push_back(read.graph.value(id).name);
    return names;
  };
  const auto layer = [](const char* name, const char* rule) {
    return std::string("layer { name: \"") + name + "\" type: \"ReLU\" bottom: \"x\" top: \"" + name + "\" " +
           rule + " }\n";
  };
  CHECK(outputs(layer("a", "") + layer("b", "include { phase: TRAIN }") +
                layer("c", "exclude { phase: TRAIN }") + layer("d", "include { stage: \"deploy\" }") +
                layer("e", "include { not_stage: \"deploy\" }") + layer("f", "include { min_level: 1 }") +
                layer("g", "include { phase: TRAIN } include { max_level: 0 }")) ==
        std::vector<std::string>{"a", "c", "d", "g"});
  // What a Silence reads is no output; a loss stands for the activation that it contains.
  CHECK(outputs(layer("a", "") + layer("b", "") +
                "layer { name: \"s\" type: \"Silence\" bottom: \"b\" }\n") == std::vector<std::string>{"a"});
  CHECK(outputs(layer("a", "") + "layer { name: \"label\" type: \"Input\" top: \"label\" }\n"
                                 "layer { name: \"loss\" type: \"SoftmaxWithLoss\" bottom: \"a\" bottom: "
                                 "\"label\" top: \"loss\" }\n") == std::vector<std::string>{"loss"});
}

TEST_CASE("BatchNorm and Scale behind a layer with weights disappear in them", "[caffe]") {
  CaffeModel model(
      kInput + kConv +
          "layer { name: \"n\" type: \"BatchNorm\" bottom: \"c\" top: \"c\" }\n"
          "layer { name: \"s\" type: \"Scale\" bottom: \"c\" top: \"c\" scale_param { bias_term: true } }\n"
          "layer { name: \"r\" type: \"ReLU\" bottom: \"c\" top: \"c\" }\n",
      "folding");
  model.blob("c", {2, 2, 1, 1}, {1, 2, -1, 0.5F}).blob("c", {2}, {0.25F, -0.5F});
  model.blob("n", {2}, {1, 2}).blob("n", {2}, {4, 9}).blob("n", {1}, {2});
  model.blob("s", {2}, {3, -1}).blob("s", {2}, {0.5F, 1});
  const Model read = load_model(model.write());
  for (const auto& layer : read.document.layers) CHECK(layer.name.find('n') != 0);
  const Floats x = numbers(18), y = run_floats(read.graph, {x}).at(0);
  const Floats w = {1, 2, -1, 0.5F}, b = {0.25F, -0.5F}, mean = {0.5F, 1}, variance = {2, 4.5F},
               scale = {3, -1}, shift = {0.5F, 1};
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t i = 0; i < 9; ++i) {
      const double conv = static_cast<double>(w[2 * c] * x[i] + w[2 * c + 1] * x[9 + i] + b[c]);
      const double normal =
          (conv - static_cast<double>(mean[c])) / std::sqrt(static_cast<double>(variance[c]) + 1e-5);
      CHECK(std::fabs(static_cast<double>(y[c * 9 + i]) -
                      std::max(0.0, normal * static_cast<double>(scale[c]) + static_cast<double>(shift[c]))) <
            1e-5);
    }
}

TEST_CASE("Preprocessing that a file states is found", "[caffe]") {
  const auto stated = [](const std::string& net, const std::string& mean = {}) {
    CaffeModel model(net, "stated");
    model.write();
    if (!mean.empty()) std::ofstream(model.folder() / "mean.binaryproto", std::ios::binary) << mean;
    const ModelFormat& format = model_format(model.path());
    return format.preprocessing(model.path());
  };
  const std::string layer =
      "layer { name: \"d\" type: \"Data\" top: \"x\" top: \"label\" include { phase: TEST } ";
  const auto values = stated(layer +
                             "transform_param { mirror: true crop_size: 3 scale: 0.25 mean_value: 1 "
                             "mean_value: 2 mean_value: 3 } }\n");
  REQUIRE(values.size() == 1);
  CHECK(values[0].input == "x");
  CHECK(values[0].mean == Floats{1, 2, 3});
  CHECK(values[0].scale == 0.25F);
  caffe::proto::BlobProto mean;
  mean.set_num(1);
  mean.set_channels(2);
  mean.set_height(1);
  mean.set_width(2);
  for (const float v : {1.0F, 3.0F, 10.0F, 20.0F}) mean.add_data(v);
  const auto averaged = stated(layer + "transform_param { mean_file: \"some/where/mean.binaryproto\" } }\n",
                               mean.SerializeAsString());
  REQUIRE(averaged.size() == 1);
  CHECK(averaged[0].mean == Floats{2, 15});
  const auto lost = stated(layer + "transform_param { mean_file: \"none\" } }\n");
  REQUIRE(lost.size() == 1);
  CHECK_THAT(lost[0].note, Contains("none"));
  CHECK(stated(kInput + kConv).empty());

  // The picture's size follows from the crop; other shapes can be given.
  CaffeModel data(layer +
                      "transform_param { crop_size: 4 } }\nlayer { name: \"r\" type: \"ReLU\" bottom: \"x\" "
                      "top: \"r\" }\n",
                  "data");
  CHECK(load_model(data.write()).graph.value(0).shape == Shape{1, 3, 4, 4});
  CHECK(load_model(data.path(), {}, {{{"", {2, 1, 5, 6}}}, {}}).graph.value(0).shape == Shape{2, 1, 5, 6});
  CHECK(load_model(data.path(), {}, {{}, 3}).graph.value(0).shape == Shape{3, 3, 4, 4});
  CaffeModel open(layer + "}\nlayer { name: \"r\" type: \"ReLU\" bottom: \"x\" top: \"r\" }\n", "open");
  CHECK_THAT(caffe_error(open.write()), Contains("--shape"));
}

TEST_CASE("What is wrong with a Caffe model is said in one line", "[caffe]") {
  const auto layer = [](const std::string& text) {
    return kInput + kConv + "layer { name: \"y\" bottom: \"c\" top: \"y\" " + text + " }\n";
  };
  const std::pair<std::string, const char*> cases[] = {
      {"nonsense", "line 1"},
      {kInput + "layer { name: \"a\" ", "line"},
      {"", "no layers"},
      {kInput, "no outputs"},
      {layer("type: \"Foo\"") + "layer { name: \"z\" bottom: \"c\" top: \"z\" type: \"Foo\" }",
       "Foo (layer 'y' and 1 more)"},
      {layer("type: \"Silence\"") + "layer { name: \"z\" bottom: \"y\" top: \"z\" type: \"ReLU\" }",
       "Silence (layer 'y')"},
      {layer("type: \"Pooling\" pooling_param { kernel_sise: 2 }"), "no field named \"kernel_sise\""},
      {layer("type: \"Pooling\" pooling_param { pool: MEAN }"), "MEAN"},
      {layer("type: \"Pooling\" pooling_param { kernel_size: 9 }"), "exceeds the padded size"},
      {layer("type: \"Pooling\" pooling_param { kernel_size: 2 pad: 2 }"), "not smaller than the kernel"},
      {layer("type: \"Pooling\""), "kernel_size"},
      {layer("type: \"Softmax\" softmax_param { axis: 7 }"), "axis 7"},
      {layer("type: \"Concat\" concat_param { axis: -9 }"), "axis -9"},
      {layer("type: \"Reshape\" reshape_param { shape { dim: 5 } }"), "layer 'y'"},
      {layer("type: \"Permute\" permute_param { order: 0 order: 0 }"), "twice"},
      {layer("type: \"Slice\" slice_param { slice_point: 1 }"), "slice_point"},
      {layer("type: \"PReLU\""), "no weights for the layer"},
      {layer("type: \"Upsample\" bottom: \"x\""), "positions of maxima"},
      {layer("type: \"BatchNorm\" batch_norm_param { use_global_stats: false }"), "no weights"},
      {layer("type: \"ReLU\" include { phase: TEST } exclude { phase: TRAIN }"), "both kinds"},
      {kInput + kConv + kConv, "two layers have this name"},
      {kInput + "layer { name: \"y\" type: \"ReLU\" bottom: \"q\" top: \"y\" }", "bottom 'q'"},
      {kInput + "layer { type: \"ReLU\" bottom: \"x\" top: \"y\" }", "no name"},
      {kInput + "layer { name: \"y\" bottom: \"x\" top: \"y\" }", "no type"},
      {kInput + kConv + "layers { name: \"y\" type: RELU bottom: \"c\" top: \"y\" }", "both formats"},
      {"input: \"x\" input_dim: 1\n" + kConv, "input_dim has 1"},
      {"input: \"x\" input_dim: 1 input_dim: 2 input_dim: 0 input_dim: 3\n" + kConv,
       "give it one with --shape"},
      {kInput + "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { "
                "num_output: 2 kernel_size: 3 } }",
       "weights (blob 0) have the shape"},
      {kInput + "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { "
                "num_output: 3 kernel_size: 1 group: 2 } }",
       "group 2"},
      {kInput + "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { "
                "kernel_size: 1 } }",
       "num_output"},
      {kInput + "layer { name: \"c\" type: \"Convolution\" bottom: \"x\" top: \"c\" convolution_param { "
                "num_output: 2 } }",
       "kernel_size"},
  };
  for (const auto& [net, expected] : cases) {
    INFO(net);
    CHECK_THAT(error_of(net), Contains(expected));
  }
}

TEST_CASE("What is wrong with a .caffemodel is said in one line", "[caffe]") {
  CaffeModel model(kInput + kConv, "weights");
  model.write();
  CHECK_THAT(caffe_error(model.path()), Contains("-w"));
  CHECK_THAT(caffe_error(model.path(), model.folder() / "none.caffemodel"), Contains("does not exist"));
  const fs::path weights = model.folder() / "net.caffemodel";
  std::ofstream(weights, std::ios::binary) << "\xff\xff nonsense";
  CHECK_THAT(caffe_error(model.path()), Contains("no .caffemodel"));
  CaffeModel short_blob(kInput + kConv, "short");
  short_blob.blob("c", {2, 2, 1, 1}, {1, 2, 3});
  CHECK_THAT(caffe_error(short_blob.write()), Contains("has 3 values"));
  CaffeModel no_bias(kInput + kConv, "no_bias");
  no_bias.blob("c", {2, 2, 1, 1}, {1, 2, 3, 4});
  CHECK_THAT(caffe_error(no_bias.write()), Contains("biases"));
  CaffeModel old(kInput + kConv, "old");
  old.weights().add_layers()->mutable_layer()->set_name("c");
  CHECK_THAT(caffe_error(old.write()), Contains("2013"));
}

TEST_CASE("A calibrated Caffe model is written as integers with a table, and read back", "[caffe]") {
  CaffeModel model(kInput + kConv +
                       "layer { name: \"r\" type: \"ReLU\" bottom: \"c\" top: \"c\" }\n"
                       "layer { name: \"f\" type: \"InnerProduct\" bottom: \"c\" top: \"f\" "
                       "inner_product_param { num_output: 3 } }\n",
                   "quantized");
  model.blob("c", {2, 2, 1, 1}, {1, 2, -1, 0.5F}).blob("c", {2}, {0.25F, -0.5F});
  model.blob("f", {3, 18}, numbers(54)).blob("f", {3}, {1, -2, 0.5F});
  const Model read = load_model(model.write());
  const Floats x = numbers(18), expected = run_floats(read.graph, {x}).at(0);
  ir::Annotation annotation;
  annotation.activations = {
      {"x", {{-1, 1}}, 256, {}, {}}, {"r", {{0, 3.25F}}, 256, {}, {}}, {"f", {{-12, 11}}, 256, {}, {}}};
  annotation.weights = {{"c", {{-2, 2}}, 255, {}}, {"f", {{-1, 1}}, 255, {}}};
  CHECK(caffe::values_without_range(read.document, annotation) == std::vector<std::string>{"c"});
  const fs::path target = model.folder() / "int8.caffemodel";
  caffe::write_quantized(read.document, annotation, target);

  // The text and the binary table say the same: thresholds of every layer, and one in front of a ReLU is the ReLU's.
  const caffe::CalibrationTable table = caffe::read_calibration_table(caffe::text_table_of(target));
  CHECK(caffe::table_bytes(table) == slurp(caffe::binary_table_of(target)));
  CHECK(caffe::table_bytes(caffe::read_calibration_table(caffe::binary_table_of(target))) ==
        caffe::table_bytes(table));
  REQUIRE(table.find("c") != nullptr);
  CHECK(table.find("c")->tops.at(0).second == 3.25F);
  CHECK(table.find("c")->right_shift == 7);  // 2 / 3.25 * 2^7 = 78.8
  CHECK(table.find("f")->tops.at(0).second == 12.0F);
  CHECK_FALSE(table.find("r")->right_shift);
  const auto stored = caffe::read_weights_message(target);
  CHECK(stored->layer(0).blobs(0).data(1) == std::floor(2 / 3.25F * 128 + 0.5F));
  CHECK(stored->layer(0).blobs(1).data(0) == std::floor(0.25F * 128 / 3.25F * 128 + 0.5F));

  // Read back it runs in integers, near the floats; both paths name it.
  const fs::path net = model.folder() / "int8.prototxt";
  for (const fs::path& path : {net, target}) {
    const Model back = load_model(path);
    const Floats y = run_floats(back.graph, {x}, true).at(0);
    REQUIRE(y.size() == expected.size());
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::fabs(y[i] - expected[i]) < 0.25F);
    CHECK(y != expected);
  }
  // Written twice it has the same bytes.
  const std::string once = slurp(target);
  caffe::write_quantized(read.document, annotation, target);
  CHECK(slurp(target) == once);

  std::ofstream(caffe::text_table_of(target)) << "layer { name: \"c\" right_shift_width: 99 }";
  CHECK_THROWS_WITH(load_model(net), Contains("right_shift_width"));
}
