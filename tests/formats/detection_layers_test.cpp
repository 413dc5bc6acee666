#include <limits>

#include "engine/core/error.h"
#include "engine/ops/class_suppression.h"
#include "engine/ops/detection_output.h"
#include "engine/ops/non_max_suppression.h"
#include "engine/ops/proposal.h"
#include "engine/ops/region_yolo.h"
#include "engine/ops/roi.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

template <class T>
const T& attributes(const Graph& graph) {
  return node_named(graph, "y").attributes.as<T>();
}

Pairs with(Pairs pairs, const Pairs& more) {
  pairs.insert(pairs.end(), more.begin(), more.end());
  return pairs;
}

Pairs without(const Pairs& pairs, const std::string& key) {
  Pairs left;
  for (const auto& pair : pairs)
    if (pair.first != key) left.push_back(pair);
  return left;
}

/// A network needs an input that reaches its output: priors alone are constants, so a DetectionOutput reads them.
std::vector<float> legacy_priors(const std::string& type, const Pairs& pairs) {
  ir::Document document =
      OneLayer(6, type, pairs).input({1, 8, 2, 3}).input({1, 3, 20, 30}).output({1, 2, 24}).document();
  ir::Layer sum;
  sum.id = 3000, sum.name = "sum", sum.type = "Eltwise", sum.precision = "FP32";
  sum.attributes = {{"operation", "sum"}};
  sum.inputs = {{0, "FP32", {1, 2, 24}, "", ""}, {1, "FP32", {1, 2, 24}, "", ""}};
  sum.outputs = {{2, "FP32", {1, 2, 24}, "", ""}};
  const ir::Port& made = document.layers.back().outputs.front();
  document.edges.push_back({1000, made.id, 3000, 0});
  document.layers.push_back(sum);
  const Graph graph = ir::to_graph(document);
  return input_floats(graph, node_named(graph, "sum"), 0);
}

const Pairs kSsd = {{"num_classes", "3"},
                    {"keep_top_k", "20"},
                    {"top_k", "40"},
                    {"nms_threshold", "0.45"},
                    {"code_type", "caffe.PriorBoxParameter.CENTER_SIZE"}};

}  // namespace

TEST_CASE("legacy prior boxes fold to constants [1,2,n]", "[legacy][detection]") {
  const auto boxes = legacy_priors("PriorBox", {{"min_size", "6.0"}, {"max_size", ""}, {"offset", "0.5"}});
  REQUIRE(boxes.size() == 48);
  CHECK(boxes[0] == Approx(2.0 / 30));
  CHECK(boxes[1] == Approx(2.0 / 20));
  CHECK(boxes[24] == 0.1F);
  const auto clustered =
      legacy_priors("PriorBoxClustered",
                    {{"width", "4"}, {"height", "8"}, {"clip", "0"}, {"offset", "0.5"}, {"step", "16.0"}});
  CHECK(clustered[0] == Approx((8.0 - 2) / 30));
  CHECK(clustered[1] == Approx((8.0 - 4) / 20));
  const auto steps = legacy_priors("PriorBoxClustered", {{"width", "4"},
                                                         {"height", "8"},
                                                         {"offset", "0.5"},
                                                         {"step", "16.0"},
                                                         {"step_w", "4"},
                                                         {"step_h", "2"}});
  CHECK(steps[0] == Approx(0.0));
  CHECK_THROWS_AS(legacy_priors("PriorBox", {{"min_size", "6.0"}}), FormatError);
  CHECK_THROWS_AS(legacy_priors("PriorBox", {{"min_size", "6,7"}, {"offset", "0.5"}}), FormatError);
}

TEST_CASE("opset prior boxes read sizes and order", "[opset][detection]") {
  const auto folded = [](const char* opset, const Pairs& more) {
    ir::Document document =
        OneLayer(11, "PriorBox",
                 with({{"min_size", "6"}, {"max_size", "10"}, {"aspect_ratio", "4"}, {"offset", "0"}}, more),
                 opset)
            .ints({1, 1})
            .ints({20, 20})
            .document();
    ir::Layer x, sum;
    x.id = 4000, x.name = "x", x.type = "Parameter", x.version = "opset1";
    x.attributes = {{"shape", "2,12"}, {"element_type", "f32"}};
    x.outputs = {{0, "FP32", {2, 12}, "", ""}};
    sum.id = 4001, sum.name = "sum", sum.type = "Add", sum.version = "opset1";
    sum.inputs = {{0, "FP32", {}, "", ""}, {1, "FP32", {}, "", ""}};
    sum.outputs = {{2, "FP32", {}, "", ""}};
    for (auto& edge : document.edges)
      if (edge.from_layer == 1000) edge = {4001, 2, edge.to_layer, edge.to_port};
    document.edges.push_back({4000, 0, 4001, 1});
    for (const auto& layer : document.layers)
      if (layer.id == 1000) document.edges.push_back({1000, layer.outputs.front().id, 4001, 0});
    document.layers.push_back(x);
    document.layers.push_back(sum);
    const Graph graph = ir::to_graph(document);
    return input_floats(graph, node_named(graph, "sum"), 0);
  };
  const auto widths = [](const std::vector<float>& v) {
    return std::vector<double>{static_cast<double>(v[2] - v[0]), static_cast<double>(v[6] - v[4]),
                               static_cast<double>(v[10] - v[8])};
  };
  const Pairs turned = {{"min_max_aspect_ratios_order", "false"}};
  CHECK(widths(folded("opset1", turned))[1] == Approx(std::sqrt(60.0) / 20));
  CHECK(widths(folded("opset8", {}))[1] == Approx(std::sqrt(60.0) / 20));
  CHECK(widths(folded("opset8", turned))[1] == Approx(12.0 / 20));
  CHECK(widths(folded("opset8", turned))[2] == Approx(std::sqrt(60.0) / 20));
}

TEST_CASE("DetectionOutput of both generations", "[legacy][opset][detection]") {
  const auto graph = [](int version, const Pairs& pairs, const char* opset = "opset1") {
    OneLayer layer(version, "DetectionOutput", pairs, opset);
    layer.input({1, 40}).input({1, 30}).input({1, 2, 40});
    if (version < 10) layer.output({1, 1, 20, 7});
    return layer.graph();
  };
  using A = DetectionOutputAttributes;
  // The zoo writes booleans in every spelling and -1 for sizes that are not known.
  const auto old = attributes<A>(graph(
      5, with(kSsd, {{"normalized", "1"}, {"visualize", "False"}, {"input_width", "-1"}, {"clip", "True"}})));
  CHECK(old.center_size);
  CHECK(old.normalized);
  CHECK(old.clip_before_nms);
  CHECK(old.num_classes == 3);
  CHECK(old.top_k == 40);
  CHECK(old.keep_top_k == 20);
  CHECK(old.confidence_threshold == -static_cast<double>(std::numeric_limits<float>::max()));
  CHECK(attributes<A>(graph(6, kSsd)).normalized);
  const Pairs normalized = with(kSsd, {{"normalized", "true"}});
  const auto first = attributes<A>(graph(10, normalized));
  CHECK(first.confidence_threshold == 0);
  CHECK(first.keep_top_k == 20);
  CHECK(first.share_location);
  // Priors of four numbers do not fit the default of the operation sets.
  CHECK_THROWS_AS(graph(10, kSsd), FormatError);
  const auto eighth =
      attributes<A>(graph(11, with(without(normalized, "num_classes"), {{"keep_top_k", "20,30"}}), "opset8"));
  CHECK(eighth.num_classes == 0);
  CHECK(eighth.keep_top_k == 20);
  CHECK_THROWS_AS(graph(10, without(normalized, "num_classes")), FormatError);
  CHECK_THROWS_AS(graph(10, without(normalized, "keep_top_k")), FormatError);
  CHECK_THROWS_AS(graph(10, without(normalized, "nms_threshold")), FormatError);
  CHECK_THROWS_AS(graph(6, without(kSsd, "num_classes")), FormatError);
  CHECK_FALSE(attributes<A>(graph(6, without(kSsd, "code_type"))).center_size);
}

TEST_CASE("RegionYolo of both generations", "[legacy][opset][detection]") {
  const Pairs pairs = {{"classes", "2"},  {"coords", "4"}, {"num", "9"},      {"do_softmax", "0"},
                       {"mask", "3,4,5"}, {"axis", "1"},   {"end_axis", "3"}, {"anchors", "10,14"}};
  const Graph old = OneLayer(6, "RegionYolo", pairs).input({1, 21, 4, 4}).output({1, 21, 4, 4}).graph();
  CHECK(attributes<RegionYoloAttributes>(old).mask == std::vector<std::int64_t>{3, 4, 5});
  CHECK(output_shape(OneLayer(10, "RegionYolo", pairs).input({1, 21, 4, 4}).graph()) == Shape{1, 21, 4, 4});
  const Pairs softmax = {{"classes", "2"}, {"coords", "4"}, {"num", "3"}};
  CHECK(output_shape(OneLayer(10, "RegionYolo", softmax).input({1, 21, 4, 4}).graph()) == Shape{1, 21 * 16});
  CHECK_THROWS_AS(OneLayer(10, "RegionYolo", {{"classes", "2"}}).input({1, 21, 4, 4}).graph(), FormatError);
}

TEST_CASE("SimplerNMS", "[legacy][detection]") {
  const Pairs pairs{{"cls_threshold", "0.5"}, {"iou_threshold", "0.7"}, {"min_bbox_size", "16"},
                    {"feat_stride", "16"},    {"pre_nms_topn", "60"},   {"post_nms_topn", "30"},
                    {"scale", "8,16,32"}};
  for (const bool swapped : {false, true}) {  // the scores are the smaller of the first two inputs
    OneLayer one(5, "SimplerNMS", pairs);
    const Shape scores{1, 18, 4, 5}, deltas{1, 36, 4, 5};
    one.input(swapped ? deltas : scores).input(swapped ? scores : deltas).input({1, 3}).output({30, 5});
    const Graph graph = one.graph();
    CHECK(output_shape(graph) == Shape{30, 5});
    CHECK(graph.value(node_named(graph, "y").inputs[0]).shape == scores);
    const auto& a = attributes<ProposalAttributes>(graph);
    CHECK(a.simpler_nms);
    CHECK(a.base_size == 16);
    CHECK(a.min_size == 16);
    CHECK(a.nms_thresh == 0.7);
    CHECK(a.ratio == std::vector<float>{0.5F, 1, 2});
    CHECK(a.scale == std::vector<float>{8, 16, 32});
  }
  OneLayer one(5, "SimplerNMS", {{"feat_stride", "16"}});
  CHECK_THROWS_WITH(one.input({1, 18, 4, 5}).input({1, 36, 4, 5}).input({1, 3}).graph(),
                    Contains("min_bbox_size"));
}

TEST_CASE("Proposal of both generations", "[legacy][opset][detection]") {
  const Pairs pairs = {{"base_size", "16"},         {"min_size", "10"},      {"feat_stride", "16"},
                       {"pre_nms_topn", "100"},     {"post_nms_topn", "20"}, {"nms_thresh", "0.7"},
                       {"ratio", "0.5,1,2"},        {"scale", "8,16"},       {"framework", "TensorFlow"},
                       {"clip_before_nms", "False"}};
  const auto layer = [&](int version, const char* opset, const Pairs& used) {
    OneLayer one(version, "Proposal", used, opset);
    one.input({1, 12, 4, 4}).input({1, 24, 4, 4}).input({1, 3});
    return one;
  };
  const Graph old = layer(6, "", pairs).output({20, 5}).graph();
  CHECK(attributes<ProposalAttributes>(old).tensorflow);
  CHECK_FALSE(attributes<ProposalAttributes>(old).clip_before_nms);
  CHECK_FALSE(attributes<ProposalAttributes>(old).scores);
  CHECK(layer(6, "", pairs).output({20, 5}).output({20}).graph().outputs.size() == 2);
  CHECK(output_shape(layer(10, "opset1", pairs).graph()) == Shape{20, 5});
  const Graph fourth = layer(10, "opset4", pairs).output({}).output({}).graph();
  CHECK(output_shape(fourth, 1) == Shape{20});
  for (const char* needed :
       {"base_size", "min_size", "feat_stride", "pre_nms_topn", "post_nms_topn", "nms_thresh"})
    CHECK_THROWS_AS(layer(10, "opset1", without(pairs, needed)).graph(), FormatError);
}

TEST_CASE("pooling of regions of both generations", "[legacy][opset][detection]") {
  const Pairs roi = {
      {"pooled_h", "6"}, {"pooled_w", "7"}, {"spatial_scale", "0.0625"}, {"method", "bilinear"}};
  CHECK(attributes<RoiPoolingAttributes>(
            OneLayer(6, "ROIPooling", roi).input({1, 8, 4, 4}).input({3, 5}).output({3, 8, 6, 7}).graph())
            .bilinear);
  CHECK(output_shape(OneLayer(10, "ROIPooling", roi, "opset2").input({1, 8, 4, 4}).input({3, 5}).graph()) ==
        Shape{3, 8, 6, 7});
  CHECK_THROWS_AS(OneLayer(10, "ROIPooling", with(without(roi, "method"), {{"method", "mean"}}))
                      .input({1, 8, 4, 4})
                      .input({3, 5})
                      .graph(),
                  FormatError);
  const Pairs position = {{"output_dim", "2"}, {"group_size", "2"}, {"spatial_scale", "0.5"}};
  const auto psroi = [](int version, const Pairs& pairs) {
    OneLayer layer(version, "PSROIPooling", pairs);
    layer.input({1, 8, 4, 4}).input({3, 5});
    if (version < 10) layer.output({3, 2, 2, 2});
    return layer.graph();
  };
  CHECK(attributes<PsRoiPoolingAttributes>(psroi(6, position)).group_size == 2);
  CHECK(
      attributes<PsRoiPoolingAttributes>(
          psroi(10, with(position, {{"mode", "bilinear"}, {"spatial_bins_x", "2"}, {"spatial_bins_y", "2"}})))
          .bilinear);
  CHECK_THROWS_AS(psroi(10, with(position, {{"mode", "bilinear_deformable"}})), UnsupportedError);
  CHECK_THROWS_AS(psroi(10, with(position, {{"mode", "other"}})), FormatError);
  const Pairs align = {{"pooled_h", "2"},        {"pooled_w", "2"}, {"sampling_ratio", "2"},
                       {"spatial_scale", "0.5"}, {"mode", "max"},   {"aligned_mode", "half_pixel"}};
  const auto roi_align = [](const Pairs& pairs, const char* opset) {
    return OneLayer(11, "ROIAlign", pairs, opset).input({1, 8, 4, 4}).input({3, 4}).ints({0, 0, 0}).graph();
  };
  CHECK(attributes<RoiAlignAttributes>(roi_align(align, "opset3")).aligned_mode == "asymmetric");
  CHECK(attributes<RoiAlignAttributes>(roi_align(align, "opset9")).aligned_mode == "half_pixel");
  CHECK_THROWS_AS(roi_align(align, "opset2"), UnsupportedError);
  CHECK_THROWS_AS(roi_align(without(align, "mode"), "opset3"), FormatError);
}

TEST_CASE("NonMaxSuppression of all generations", "[legacy][opset][detection]") {
  using A = NonMaxSuppressionAttributes;
  const auto opset = [](const char* version, const Pairs& pairs, std::size_t outputs = 1) {
    OneLayer layer(11, "NonMaxSuppression", pairs, version);
    layer.input({2, 9, 4})
        .input({2, 3, 9})
        .ints({4})
        .constant<float>({}, {0.5F})
        .constant<float>({1}, {0.25F});
    for (std::size_t k = 0; k < outputs; ++k) layer.output({});
    return layer.graph();
  };
  const Graph first = opset("opset1", {{"box_encoding", "center"}});
  CHECK(output_shape(first) == Shape{9, 3});
  CHECK(attributes<A>(first).center);
  CHECK(attributes<A>(first).iou_threshold == 0.5);
  CHECK(attributes<A>(first).score_threshold == 0.25);
  CHECK(attributes<A>(first).drop_equal);
  CHECK(output_shape(opset("opset3", {{"output_type", "i32"}})) == Shape{9, 3});
  CHECK(output_shape(opset("opset4", {})) == Shape{24, 3});
  const Graph fifth = opset("opset5", {{"sort_result_descending", "false"}}, 3);
  CHECK(output_shape(fifth, 1) == Shape{24, 3});
  CHECK(output_shape(fifth, 2) == Shape{1});
  CHECK_FALSE(attributes<A>(fifth).sort_result_descending);
  CHECK(opset("opset9", {}, 3).outputs.size() == 3);
  CHECK_THROWS_AS(opset("opset4", {{"box_encoding", "other"}}), FormatError);
  CHECK_THROWS_AS(opset("opset4", {{"output_type", "f32"}}), FormatError);
  const Graph old = OneLayer(6, "NonMaxSuppression", {{"center_point_box", "1"}})
                        .input({1, 9, 4})
                        .input({1, 3, 9})
                        .output({5, 3})
                        .graph();
  CHECK(attributes<A>(old).center);
  CHECK(attributes<A>(old).rows == 5);
  CHECK(attributes<A>(old).iou_threshold == 1);
  CHECK_FALSE(attributes<A>(old).drop_equal);
  CHECK_FALSE(attributes<A>(old).index64);
}

TEST_CASE("MatrixNms and MulticlassNms", "[opset][detection]") {
  const auto layer = [](const char* type, const Pairs& pairs, const char* set,
                        const Shape& scores = {2, 3, 9}) {
    OneLayer l(11, type, pairs, set);
    return l.input({scores.size() == 3 ? 2 : 3, 9, 4}).input(scores);
  };
  const auto three = [](OneLayer l) { return l.output({}).output({}).output({}).graph(); };
  const Graph matrix = three(layer("MatrixNms",
                                   {{"sort_result_type", "classid"},
                                    {"sort_result_across_batch", "true"},
                                    {"output_type", "i32"},
                                    {"score_threshold", "0.25"},
                                    {"nms_top_k", "4"},
                                    {"keep_top_k", "5"},
                                    {"background_class", "0"},
                                    {"decay_function", "gaussian"},
                                    {"gaussian_sigma", "1.5"},
                                    {"post_threshold", "0.5"},
                                    {"normalized", "false"}},
                                   "opset8"));
  const auto& m = attributes<MatrixNmsAttributes>(matrix);
  CHECK(m.common.sort == "class");
  CHECK((m.common.across_images && !m.common.index64 && !m.common.normalized && m.gaussian));
  CHECK((m.common.score_threshold == 0.25 && m.sigma == 1.5 && m.post_threshold == 0.5));
  CHECK((m.common.top_k == 4 && m.common.keep_top_k == 5 && m.common.background == 0));
  CHECK(output_shape(matrix) == Shape{10, 6});
  CHECK(output_shape(matrix, 1) == Shape{10, 1});
  CHECK(output_shape(matrix, 2) == Shape{2});
  const Graph plain = three(layer("MatrixNms", {}, "opset8"));
  const auto& d = attributes<MatrixNmsAttributes>(plain);
  CHECK((d.common.sort == "none" && d.common.top_k == -1 && d.common.background == -1 && !d.gaussian));
  CHECK((d.common.normalized && d.common.index64 && d.sigma == 2 && d.post_threshold == 0));
  const Graph hard = three(layer("MulticlassNms", {{"iou_threshold", "0.5"}, {"nms_eta", "0.75"}}, "opset8"));
  CHECK(attributes<MulticlassNmsAttributes>(hard).iou_threshold == 0.5);
  CHECK(attributes<MulticlassNmsAttributes>(hard).eta == 0.75);
  CHECK(output_shape(hard) == Shape{54, 6});
  CHECK(output_shape(three(layer("MulticlassNms", {}, "opset9", {3, 9}).ints({4, 5}))) == Shape{54, 6});
  CHECK_THROWS_AS(three(layer("MulticlassNms", {}, "opset8", {3, 9}).ints({4, 5})), FormatError);
  CHECK_THROWS_WITH(three(layer("MatrixNms", {{"decay_function", "cubic"}}, "opset8")),
                    Contains("attribute 'decay_function' has the unknown value 'cubic'"));
  CHECK_THROWS_WITH(three(layer("MatrixNms", {{"output_type", "f32"}}, "opset8")), Contains("output_type"));
}

TEST_CASE("a declared shape wins over the numbers of a legacy Reshape", "[legacy]") {
  const Graph graph = OneLayer(3, "Reshape", {{"dim", "0,-1"}, {"axis", "0"}, {"num_axes", "-1"}})
                          .input({10, 3})
                          .output({1, 30})
                          .graph();
  CHECK(output_shape(graph) == Shape{1, 30});
}
