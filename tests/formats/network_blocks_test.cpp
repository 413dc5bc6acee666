// The blocks that define well-known networks, in the spellings of all generations: the same numbers, the same bits on every instruction set, and
// calibrated they run in integers where the rules say so and stay near the floats.

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <set>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/calibrate.h"
#include "engine/evaluation/random_input.h"
#include "engine/runtime/program.h"
#include "tests/formats/block_builder.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
using Source = DocumentBuilder::Source;

namespace {

struct Block {
  const char* network;
  std::function<void(BlockBuilder&)> build;
  /// Operations that must be found running on integers, beside every layer with weights.
  std::set<std::string> integers = {};
  bool planar = true;  ///< v2 knows no other windows
};

Source image(BlockBuilder& n, const Shape& shape = {1, 8, 14, 14}) {
  return n.b.input("x", shape);
}

std::vector<Block> blocks() {
  std::vector<Block> all;
  all.push_back({"Inception v4, block with 1x7 and 7x1",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n), 16, 1));
                   const Source a = n.relu(n.conv(n.avg_pool(x, 3, 1, 1), 8, 1));
                   const Source b = n.relu(n.conv(x, 8, 1));
                   const Source c =
                       n.relu(n.conv(n.relu(n.conv(n.relu(n.conv(x, 8, 1)), 8, {.kernel = {1, 7}})), 12,
                                     {.kernel = {7, 1}}));
                   const Source d = n.max_pool(x, 3, 1, 1);
                   n.b.output(n.conv(n.concat({a, b, c, d}), 6, 1));
                 },
                 {"Pooling", "Concat"}});
  all.push_back({"DenseNet, layers that read all before them",
                 [](BlockBuilder& n) {
                   Source x = n.conv(image(n), 8, 3);
                   for (int i = 0; i < 3; ++i)
                     x = n.concat({x, n.conv(n.relu(n.conv(n.relu(n.affine(x)), 16, 1)), 6, 3)});
                   n.b.output(n.conv(n.avg_pool(n.relu(n.affine(x)), 2, 2), 6, 1));
                 },
                 {"Pooling"}});
  all.push_back({"ResNeXt, 32 groups of 4",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n), 32, 1));
                   const Source y = n.relu(n.conv(n.relu(n.conv(x, 128, 1)), 128, 3, 1, 32));
                   const Source sum = n.relu(n.add(n.conv(y, 32, 1), x));
                   n.b.output(n.dense(n.global_pool(sum), 10));
                 },
                 {"Pooling"}});
  all.push_back({"MobileNet v3, h-swish and squeeze-and-excite",
                 [](BlockBuilder& n) {
                   const Source x = n.hswish(n.conv(image(n), 16, 3, 2));
                   const Source y = n.excite(n.hswish(n.depthwise(n.hswish(n.conv(x, 32, 1)), 5)), 8);
                   n.b.output(n.conv(n.add(n.conv(y, 16, 1), x), 8, 1));
                 },
                 {"Eltwise", "Pooling"}});
  all.push_back({"EfficientNet, swish and squeeze-and-excite",
                 [](BlockBuilder& n) {
                   const Source x = n.conv(image(n), 12, 1);
                   const Source y = n.excite(n.swish(n.depthwise(n.swish(n.conv(x, 36, 1)), 3)), 6);
                   n.b.output(n.dense(n.global_pool(n.swish(n.conv(n.add(n.conv(y, 12, 1), x), 24, 1))), 10));
                 },
                 {"Eltwise", "Pooling"}});
  all.push_back({"ShuffleNet v1, shuffled groups",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n), 24, 1));
                   const Source y = n.shuffle(n.relu(n.conv(x, 12, 1, 1, 3)), 3);
                   n.b.output(n.conv(n.relu(n.add(n.conv(n.depthwise(y, 3), 24, 1, 1, 3), x)), 6, 1));
                 },
                 {"BlockPermute"}});
  all.push_back({"ShuffleNet v2, split and shuffled",
                 [](BlockBuilder& n) {
                   const auto [left, right] = n.halves(n.relu(n.conv(image(n), 16, 1)));
                   const Source y = n.relu(n.conv(n.depthwise(n.relu(n.conv(right, 8, 1)), 3), 8, 1));
                   n.b.output(n.conv(n.shuffle(n.concat({left, y}), 2), 6, 1));
                 },
                 {"BlockPermute", "Concat", "Split"}});
  all.push_back({"MobileNet v2, depthwise multiplier", [](BlockBuilder& n) {
                   const Source x = n.relu6(n.conv(image(n), 8, 3, 2));
                   n.b.output(n.conv(n.relu6(n.conv(x, 16, 3, 1, 8)), 12, 1));
                 }});
  all.push_back({"YOLO v2, reorganised pixels",
                 [](BlockBuilder& n) {
                   const Source x = n.leaky(n.conv(image(n), 16, 3), 0.1F);
                   const Source deep = n.leaky(n.conv(n.max_pool(x, 2, 2), 16, 3), 0.1F);
                   n.b.output(n.conv(n.concat({n.reorg(n.leaky(n.conv(x, 8, 1), 0.1F), 2), deep}), 10, 1));
                 },
                 {"Pooling", "Concat"}});
  all.push_back(
      {"YOLO v3, doubled map",
       [](BlockBuilder& n) {
         const Source x = n.leaky(n.conv(image(n), 16, 3), 0.1F);
         const Source deep = n.leaky(n.conv(x, 16, 3, 2), 0.1F);
         n.b.output(n.conv(n.concat({n.nearest_twice(n.leaky(n.conv(deep, 8, 1), 0.1F)), x}), 10, 1));
       },
       {"ResizeNearest", "Concat"}});
  all.push_back({"NCF, two embeddings and their product", [](BlockBuilder& n) {
                   const Source user = n.b.input("user", {8}), item = n.b.input("item", {8});
                   const Source product = n.multiply(n.embedding(user, 20, 8), n.embedding(item, 30, 8));
                   const Source both = n.concat({n.embedding(user, 20, 12), n.embedding(item, 30, 12)});
                   const Source deep = n.relu(n.dense(n.relu(n.dense(both, 16)), 8));
                   n.b.output(n.sigmoid(n.dense(n.concat({product, deep}), 1)));
                 }});
  all.push_back({"FCN, bilinear deconvolution and crop",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n), 8, 3));
                   const Source low = n.conv(n.max_pool(x, 2, 2), 5, 1);
                   const Source up = n.deconv(low, 5, 2, 5);
                   const Source sum = n.add(up, n.conv(x, 5, 1));
                   n.b.output(n.crop(n.deconv(sum, 5, 4), x, 7));
                 },
                 {"Pooling"}});
  all.push_back({"DeepLab v3, dilated convolutions and a bilinear map",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n), 8, 3, 2));
                   BlockBuilder::Window dilated{.kernel = {3, 3}};
                   dilated.dilation = {2, 2};
                   const Source a = n.relu(n.conv(x, 8, dilated)), b = n.relu(n.conv(x, 8, 1));
                   const Source pooled = n.bilinear(n.relu(n.conv(n.global_pool(x), 8, 1)), 7, 7);
                   n.b.output(n.bilinear(n.conv(n.concat({a, b, pooled}), 5, 1), 14, 14));
                 },
                 {"Concat"}});
  all.push_back(
      {"U-Net, deconvolution and skip",
       [](BlockBuilder& n) {
         const Source x = n.relu(n.conv(image(n), 8, 3));
         const Source low = n.relu(n.conv(n.max_pool(x, 2, 2), 16, 3));
         n.b.output(n.sigmoid(n.conv(n.relu(n.conv(n.concat({x, n.deconv(low, 8, 2)}), 8, 3)), 2, 1)));
       },
       {"Concat", "Pooling"}});
  all.push_back({"Super-resolution, PReLU and depth to space",
                 [](BlockBuilder& n) {
                   const Source x = n.prelu(n.conv(image(n), 16, 3));
                   const Source y = n.prelu(n.conv(n.add(n.conv(x, 16, 3), x), 12, 3));
                   n.b.output(n.conv(n.bilinear(n.depth_to_space(y, 2), 40, 40), 3, 3));
                 },
                 {"BlockPermute", "Resize"}});
  all.push_back({"MTCNN, PReLU and two heads",
                 [](BlockBuilder& n) {
                   const Source x =
                       n.max_pool(n.prelu(n.conv(image(n), 10, {.kernel = {3, 3}, .padded = false})), 2, 2);
                   const Source y = n.prelu(n.conv(x, 16, {.kernel = {3, 3}, .padded = false}));
                   n.b.output(n.softmax(n.conv(y, 2, 1)));
                   n.b.output(n.conv(y, 4, 1));
                 },
                 {"Pooling"}});
  all.push_back({"re-identification, instance statistics and a dense layer", [](BlockBuilder& n) {
                   const Source x = n.affine(n.relu(n.conv(image(n), 16, 3, 2)));
                   n.b.output(n.dense(n.prelu(n.dense(n.global_pool(n.depthwise(x, 3)), 24)), 12));
                 }});
  all.push_back({"one dimension: keywords",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n, {1, 10, 33}), 16, 5, 2));
                   const Source y = n.relu(n.conv(n.depthwise(x, 3), 16, 1));
                   n.b.output(n.dense(n.global_pool(n.max_pool(n.add(y, x), 2, 2)), 6));
                 },
                 {"Pooling"},
                 false});
  all.push_back({"three dimensions: video",
                 [](BlockBuilder& n) {
                   const Source x = n.relu(n.conv(image(n, {1, 3, 4, 9, 9}), 8, 3));
                   const Source y = n.relu(n.conv(n.max_pool(x, 2, 2), 12, 3, 1, 2));
                   n.b.output(n.conv(n.deconv(y, 6, 2), 4, 1));
                 },
                 {"Pooling"},
                 false});
  return all;
}

/// Samples of uniform numbers; those that choose rows of a table are whole.
FillInputs samples(const Graph& graph) {
  bool rows = false;
  for (const NodeId id : graph.order()) rows = rows || graph.node(id).op == "Gather";
  return [rows](Session& session, std::size_t sample) {
    for (std::size_t i = 0; i < session.program().inputs().size(); ++i)
      for (std::size_t e = 0; e < session.input(i).size(); ++e) {
        const float v = random_input(7, sample * 16 + i, e);
        session.input(i)[e] = rows ? std::fmod(std::floor(std::fabs(v) * 1e4F), 20.0F) : v * 2 - 1;
      }
    return true;
  };
}

using Outputs = std::vector<std::vector<float>>;

Outputs outputs_of(const Graph& graph, Isa isa, bool int8, int threads) {
  CompileOptions options = default_options();
  options.isa = isa;
  options.int8 = int8;
  Session session(Program::compile(graph, options), threads);
  samples(graph)(session, 100);
  session.run();
  Outputs outputs;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    outputs.emplace_back(session.output(i).begin(), session.output(i).end());
  return outputs;
}

/// Outputs that are the same bits on every instruction set.
Outputs everywhere(const Graph& graph, bool int8) {
  Outputs first;
  for (const Isa isa : available_isas()) {
    const Outputs here = outputs_of(graph, isa, int8, isa == Isa::scalar ? 1 : 2);
    if (first.empty()) first = here;
    CHECK(first == here);
  }
  return first;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / std::sqrt(aa * bb);
}

double difference(const Outputs& a, const Outputs& b) {
  double worst = 0;
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].size() == b[i].size());
    for (std::size_t k = 0; k < a[i].size(); ++k)
      worst = std::max(worst, std::fabs(double{a[i][k]} - double{b[i][k]}));
  }
  return worst;
}

}  // namespace

TEST_CASE("the blocks of well-known networks, in every spelling, in floats and in integers", "[blocks]") {
  for (const Block& block : blocks()) {
    Outputs legacy;
    for (const int version : {2, 6, 7, 10}) {
      INFO(block.network << ", version " << version);
      if (version == 2 && !block.planar) continue;
      BlockBuilder builder(version);
      block.build(builder);
      const Graph graph = builder.b.graph();
      const Outputs exact = everywhere(graph, false);
      if (legacy.empty())
        legacy = exact;
      else
        CHECK(difference(legacy, exact) < 2e-5);
      const ir::Annotation annotation = calibrate(graph, 4, samples(graph), CalibrationOptions{}).annotation;
      const Graph quantized = annotated_graph(graph, annotation);
      const Outputs rounded = everywhere(quantized, true);
      REQUIRE(rounded.size() == exact.size());
      for (std::size_t i = 0; i < exact.size(); ++i) CHECK(cosine(rounded[i], exact[i]) >= 0.99);
      std::set<std::string> integers;
      const auto program = Program::compile(quantized, default_options());
      for (const StepInfo& step : program->steps()) {
        INFO(step.name << ": " << step.reason);
        if (step.macs > 0) CHECK(step.precision == "I8");
      }
      const Graph& lowered = program->graph();
      for (const NodeId id : lowered.order())
        if (const Node& node = lowered.node(id); lowered.value(node.inputs.front()).dtype == DType::u8 &&
                                                 lowered.value(node.outputs.front()).dtype == DType::u8)
          integers.insert(node.op);
      for (const std::string& op : block.integers) {
        INFO(op);
        CHECK(integers.contains(op));
      }
    }
  }
}
