#include <cstdlib>
#include <filesystem>
#include <set>

#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"
#include "engine/graph/print.h"
#include "engine/passes/passes.h"
#include "tests/formats/annotation.h"
#include "tests/formats/files.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

std::filesystem::path shared_models() {
  const char* const environment = std::getenv("REFCALIB_SHARED_DIR");
  const std::filesystem::path root = environment != nullptr ? environment : REFCALIB_SHARED_DIR;
  return root.empty() ? root : root / "models";
}

struct Entry {
  const char* xml;
  const char* weights;  ///< empty: beside the file; "-": not stored, zeros of the right size
  std::vector<const char*> outputs;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> list = {
      {"classification/kws/v6/dscnn_kws.xml", "", {"softmax"}},
      {"classification/kws/v7/dscnn_kws.xml", "", {"softmax"}},
      {"classification/kws/v10/dscnn_kws.xml", "", {"probabilities"}},
      {"classification/lenet/v7/lenet.xml", "", {"prob"}},
      {"classification/lenet/v10/lenet.xml", "", {"probabilities"}},
      {"classification/mobilenet_v2/v6/mobilenet_v2.xml", "", {"flat/Dims"}},
      {"classification/resnet8/v7/resnet8.xml", "", {"softmax_16"}},
      {"classification/resnet8/v10/resnet8.xml", "", {"probabilities"}},
      {"classification/squeezenet1.1/v6_fp16/squeezenet1.1.xml", "", {"prob"}},
      {"classification/squeezenet1.1/v10/squeezenet1.1.xml", "", {"logits"}},
      {"classification/vww/v6/mobilenet_v1_025_vww96.xml", "", {"softmax_31"}},
      {"classification/vww/v10/mobilenet_v1_025_vww96.xml", "", {"probabilities"}},
      {"detection/ultraface/v6/RFB-320.xml", "", {"boxes", "scores"}},
      {"detection/ultraface/v10/RFB-320.xml", "", {"boxes", "scores"}},
      {"zoo/v5_fp32/landmarks-regression-retail-0009.xml", "", {"95"}},
      {"zoo/v6_fp16/landmarks-regression-retail-0009.xml", "", {"95"}},
      {"zoo/v6_fp32/landmarks-regression-retail-0009.xml", "", {"95"}},
      {"zoo/v11_fp32/landmarks-regression-retail-0009.xml", "", {"95"}},
      {"zoo/v11_fp16/landmarks-regression-retail-0009.xml", "", {"95"}},
      {"zoo/v11_fp32/open-closed-eye-0001.xml", "", {"19"}},
      {"topologies/v6/mobilenet_v1.xml", "-", {"gemm_115_n"}},
      {"topologies/v7/mobilenet_v1.xml", "-", {"gemm_115_n"}},
      {"topologies/v10/mobilenet_v1.xml", "-", {"gemm_115"}},
      {"topologies/v6/resnet50_v15.xml", "-", {"gemm_230_n"}},
      {"topologies/v7/resnet50_v15.xml", "-", {"gemm_230_n"}},
      {"topologies/v10/resnet50_v15.xml", "-", {"gemm_230"}},
      {"topologies/v6/squeezenet_1_1.xml", "-", {"flatten_117_n/Dims"}},
      {"topologies/v10/squeezenet_1_1.xml", "-", {"flatten_117"}},
  };
  return list;
}

/// Legacy INT8 models; weights of the FP32 model.
const std::vector<Entry>& calibrated_entries() {
  static const std::vector<Entry> list = {
      {"int8_legacy/RFB-320_i8.xml", "detection/ultraface/v6/RFB-320.bin", {"boxes", "scores"}},
      {"int8_legacy/landmarks-regression-retail-0009_i8.xml",
       "zoo/v6_fp32/landmarks-regression-retail-0009.bin",
       {"95"}},
      {"int8_legacy/mobilenet_v2_i8.xml", "classification/mobilenet_v2/v6/mobilenet_v2.bin", {"flat/Dims"}},
      {"int8_legacy/squeezenet1.1_i8.xml",
       "classification/squeezenet1.1/v6_fp16/squeezenet1.1.bin",
       {"prob"}},
  };
  return list;
}

/// Folder of the topologies with their weights made, if there is one.
std::filesystem::path built_topologies() {
  const char* const environment = std::getenv("REFCALIB_TOPOLOGIES_DIR");
  return environment != nullptr && std::filesystem::exists(environment) ? environment : "";
}

/// A weights file of zeros that takes no space, for legacy models whose weights are not stored.
std::filesystem::path zero_weights(const TemporaryFolder& folder) {
  const auto path = folder.path() / "zeros.bin";
  write_file(path, "");
  std::filesystem::resize_file(path, std::uintmax_t{1} << 28);
  return path;
}

ir::Document open(const std::filesystem::path& root, const Entry& entry, const TemporaryFolder& folder) {
  const std::string weights = entry.weights;
  if (weights == "-" && !built_topologies().empty())
    return ir::read_document(built_topologies() /
                             std::filesystem::path(entry.xml).lexically_relative("topologies"));
  if (weights == "-") return ir::read_document(root / entry.xml, zero_weights(folder));
  return ir::read_document(root / entry.xml, weights.empty() ? std::filesystem::path() : root / weights);
}

template <class F>
void for_each_model(const std::vector<Entry>& list, const F& test) {
  const std::filesystem::path root = shared_models();
  if (root.empty() || !std::filesystem::exists(root)) {
    WARN("skipped: no shared models; set REFCALIB_SHARED_DIR");
    return;
  }
  for (const Entry& entry : list) {
    CAPTURE(entry.xml);
    // The shape computations of v10 need their real constants.
    if (std::string(entry.xml).find("topologies/v10") == 0 && built_topologies().empty()) {
      WARN("skipped: " << entry.xml << "; set REFCALIB_TOPOLOGIES_DIR to the output of make_weights.py");
      continue;
    }
    const TemporaryFolder folder;
    test(open(root, entry, folder), entry, folder);
  }
}

}  // namespace

TEST_CASE("every model of the supported networks loads", "[shared]") {
  for_each_model(entries(), [](const ir::Document& d, const Entry& entry, const TemporaryFolder&) {
    const Graph g = ir::to_graph(d);
    std::vector<std::string> outputs;
    for (const ValueId id : g.outputs) outputs.push_back(g.value(id).name);
    CHECK(std::set<std::string>(outputs.begin(), outputs.end()) ==
          std::set<std::string>(entry.outputs.begin(), entry.outputs.end()));
    CHECK(g.inputs.size() == 1);
    for (const NodeId id : g.order()) {
      CHECK(g.node(id).op != "ShapeOf");
      CHECK(g.node(id).op != "Convert");
    }
  });
}

TEST_CASE("every model comes back unchanged from a written copy", "[shared]") {
  for_each_model(entries(), [](const ir::Document& d, const Entry& entry, const TemporaryFolder& folder) {
    if (std::string(entry.weights) == "-") return;
    const auto copy = folder.path() / "copy.of.xml";
    ir::write_document(d, copy);
    const ir::Document e = ir::read_document(copy);
    CHECK((to_text(ir::to_graph(e)) == to_text(ir::to_graph(d))));
    CHECK(e.raw == d.raw);
    CHECK(std::equal(e.weights.begin(), e.weights.end(), d.weights.begin(), d.weights.end()));
  });
}

TEST_CASE("every model runs as annotated after a round trip", "[shared]") {
  for_each_model(entries(), [](const ir::Document& d, const Entry& entry, const TemporaryFolder& folder) {
    if (std::string(entry.weights) == "-") return;
    const Graph plain = ir::to_graph(d);
    const ir::Annotation annotation = annotate_everything(plain, true);
    const ir::Document annotated = ir::annotate(d, annotation);
    ir::check_document(annotated);
    const Graph in_memory = ir::to_graph(annotated);
    const auto copy = folder.path() / "i8.xml";
    ir::write_document(annotated, copy);
    CHECK((to_text(ir::read_graph(copy)) == to_text(in_memory)));
    CHECK((to_text(ir::to_graph(ir::annotate(ir::read_document(copy), annotation))) == to_text(in_memory)));
    for (std::size_t k = 0; k < plain.outputs.size(); ++k) {
      CHECK(in_memory.value(in_memory.outputs[k]).name == plain.value(plain.outputs[k]).name);
      CHECK(in_memory.value(in_memory.outputs[k]).shape == plain.value(plain.outputs[k]).shape);
    }
  });
}

TEST_CASE("every calibrated legacy model gets its statistics", "[shared]") {
  for_each_model(calibrated_entries(), [](const ir::Document& d, const Entry&, const TemporaryFolder&) {
    const Graph g = ir::to_graph(d);
    for (const NodeId id : g.order()) {
      const Node& node = g.node(id);
      if (node.op != "Convolution") continue;
      CAPTURE(node.name);
      const auto& q = g.value(node.inputs[0]).quantization;
      REQUIRE(q);
      CHECK((q->zero_point == 0 || q->zero_point == 128));
      const Shape& weights = g.value(node.inputs[1]).shape;
      const bool depthwise = weights[0] > 1 && weights[1] == 1;
      CHECK((depthwise || q->scale.size() == 1));
    }
  });
}
