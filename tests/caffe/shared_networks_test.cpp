#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>

#include "engine/evaluation/npy.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/to_legacy.h"
#include "tests/caffe/caffe_model.h"
#include "tests/golden/golden_detections.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/golden_run.h"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

std::vector<float> picture(std::size_t count) {
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>((i * 7919) % 255) / 127.5F - 1.0F);
  return values;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(a[i] - b[i])));
  return worst;
}

bool skipped(const char* what, const fs::path& path) {
  if (!path.empty() && fs::exists(path)) return false;
  std::cout << "SKIPPED  " << what << ": no "
            << (path.empty() ? "shared folder (set REFCALIB_SHARED_DIR)" : path.string()) << "\n";
  return true;
}

std::vector<float> blob_of(const ir::Document& document, const std::string& layer, const std::string& name) {
  for (const ir::Layer& candidate : document.layers)
    for (const ir::Blob& blob : candidate.blobs)
      if (candidate.name == layer && blob.name == name)
        return ir::document_constant(document, blob, layer, DType::f32,
                                     {static_cast<std::int64_t>(blob.size / 4)})
            .to_floats();
  return {};
}

}  // namespace

TEST_CASE("UltraFace from Caffe equals the converted IRs and its scores the ONNX file's", "[caffe][shared]") {
  const fs::path folder = shared_dir().empty() ? fs::path() : shared_dir() / "models/detection/ultraface";
  if (skipped("UltraFace", folder)) return;
  const auto x = picture(3 * 240 * 320);
  const Model caffe = load_model(folder / "RFB-320.prototxt");
  const auto ours = run_floats(caffe.graph, {x});
  for (const char* other : {"v6/RFB-320.xml", "v10/RFB-320.xml"}) {
    const auto theirs = run_floats(load_model(folder / other).graph, {x});
    REQUIRE(theirs.size() == ours.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double difference = largest_difference(ours[i], theirs[i]);
      std::cout << "Caffe against " << other << ", output " << i << ": largest difference " << difference
                << "\n";
      CHECK(difference <= 1e-4);
    }
  }
  // The ONNX file decodes its boxes inside: centres and sizes by the priors, then corners.
  const auto onnx = run_floats(load_model(folder / "RFB-320.onnx").graph, {x});
  CHECK(largest_difference(ours.at(1), onnx.at(0)) <= 1e-4);
  struct Level {
    int step;
    std::vector<float> sizes;
  };
  const std::vector<Level> levels = {
      {8, {10, 16, 24}}, {16, {32, 48}}, {32, {64, 96}}, {64, {128, 192, 256}}};
  std::size_t prior = 0;
  double worst = 0;
  for (const Level& level : levels) {
    const int rows = (240 + level.step - 1) / level.step, columns = (320 + level.step - 1) / level.step;
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        for (const float size : level.sizes) {
          const float* const code = &ours[0][4 * prior];
          const float cx = (static_cast<float>(j) + 0.5F) / static_cast<float>(columns),
                      cy = (static_cast<float>(i) + 0.5F) / static_cast<float>(rows);
          const float w = std::min(size / 320, 1.0F), h = std::min(size / 240, 1.0F);
          const float x0 = cx + code[0] * 0.1F * w, y0 = cy + code[1] * 0.1F * h;
          const float bw = w * std::exp(code[2] * 0.2F), bh = h * std::exp(code[3] * 0.2F);
          const float box[4] = {x0 - bw / 2, y0 - bh / 2, x0 + bw / 2, y0 + bh / 2};
          for (std::size_t k = 0; k < 4; ++k)
            worst = std::max(worst, std::fabs(static_cast<double>(box[k] - onnx.at(1).at(4 * prior + k))));
          ++prior;
        }
  }
  CHECK(prior == 4420);
  std::cout << "Caffe against ONNX, decoded boxes: largest difference " << worst << "\n";
  CHECK(worst <= 1e-4);
}

TEST_CASE("mobilenet-ssd from Caffe gives the golden detections with the weights of the IR",
          "[caffe][shared]") {
  const fs::path shared = shared_dir();
  const fs::path source =
      shared.empty() ? fs::path() : shared / "models/detection/mobilenet_ssd_voc/deploy.prototxt";
  const fs::path xml = fs::path(REFCALIB_TOPOLOGIES_DIR) / "v6/mobilenet_ssd_voc.xml";
  if (skipped("mobilenet-ssd", source) || skipped("mobilenet-ssd", xml)) return;
  std::ifstream file(source);
  CaffeModel model(std::string((std::istreambuf_iterator<char>(file)), {}), "ssd");
  const ir::Document reference = ir::read_document(xml);
  for (const ir::Layer& layer : reference.layers) {
    if (layer.type != "Convolution") continue;
    const std::vector<float> weights = blob_of(reference, layer.name, "weights"),
                             bias = blob_of(reference, layer.name, "biases");
    const auto outputs = static_cast<std::int64_t>(bias.size()),
               rest = static_cast<std::int64_t>(weights.size()) / outputs;
    const std::int64_t k =
        layer.attribute("kernel") != nullptr && layer.attribute("kernel")->front() == '3' ? 3 : 1;
    model.blob(layer.name, {outputs, rest / k / k, k, k}, weights);
    if (layer.name.find("mbox") != std::string::npos) {
      model.blob(layer.name, {outputs}, bias);
      continue;
    }
    // The IR has the normalization in its weights: here it leaves them as they are.
    model.blob(layer.name + "/bn", {outputs}, std::vector<float>(bias.size(), 0))
        .blob(layer.name + "/bn", {outputs}, std::vector<float>(bias.size(), 1 - 1e-5F));
    model.blob(layer.name + "/bn", {1}, {1});
    model.blob(layer.name + "/scale", {outputs}, std::vector<float>(bias.size(), 1))
        .blob(layer.name + "/scale", {outputs}, bias);
  }
  const Model read = load_model(model.write());
  int entries = 0;
  for (const GoldenEntry& entry : read_golden_index(shared, REFCALIB_TOPOLOGIES_DIR)) {
    if (entry.model != "models/topologies/v6/mobilenet_ssd_voc.xml" || entry.precision != "FP32") continue;
    // With both documents: as it was read, and converted to IR v7.
    for (const Graph& graph : {read.graph, ir::to_graph(ir::to_legacy(read.document))}) {
      CompileOptions options = default_options();
      options.int8 = false;
      Session session(Program::compile(graph, options), 1);
      fill_golden_inputs(session, entry);
      session.run();
      const double worst =
          detection_deviation(golden_view(session, entry.outputs.at(0)), read_npy(entry.outputs.at(0).file));
      std::cout << "mobilenet-ssd from Caffe: largest difference from the golden detections " << worst
                << "\n";
      CHECK(worst <= 1e-4);
    }
    ++entries;
  }
  CHECK(entries > 0);
}

TEST_CASE("Networks converted to v7 and v11 give the same bits when they are read back",
          "[convert][shared]") {
  const fs::path shared = shared_dir();
  if (skipped("conversions", shared)) return;
  const fs::path folder = fs::temp_directory_path() / "refcalib_converted";
  fs::create_directories(folder);
  for (const char* name :
       {"detection/ultraface/RFB-320.prototxt", "classification/squeezenet1.1/squeezenet1.1.onnx",
        "classification/resnet8/resnet8.onnx", "classification/kws/dscnn_kws.onnx",
        "classification/lenet/lenet.onnx", "classification/vww/mobilenet_v1_025_vww96.onnx",
        "classification/mobilenet_v2/mobilenet_v2.onnx", "detection/yolo_fastest/yolo_fastest_1.1.onnx",
        "zoo/v10_fp32/face-detection-retail-0004.xml"}) {
    INFO(name);
    const Model model = load_model(shared / "models" / name);
    const auto x =
        picture(static_cast<std::size_t>(element_count(model.graph.value(model.graph.inputs[0]).shape)));
    const auto expected = run_floats(model.graph, {x});
    for (const bool legacy : {true, false}) {
      ir::write_document(legacy ? ir::to_legacy(model.document) : model.document, folder / "model.xml");
      const Graph back = ir::read_graph(folder / "model.xml");
      REQUIRE(back.outputs.size() == model.graph.outputs.size());
      const auto outputs = run_floats(back, {x});
      for (std::size_t i = 0; i < expected.size(); ++i)
        for (std::size_t k = 0; k < outputs.size(); ++k)
          if (back.value(back.outputs[k]).name == model.graph.value(model.graph.outputs[i]).name)
            CHECK(outputs[k] == expected[i]);
    }
  }
  fs::remove_all(folder);
}
