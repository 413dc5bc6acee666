#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/runtime/program.h"
#include "tests/formats/document_builder.h"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
using Source = DocumentBuilder::Source;

namespace {

std::vector<float> noise(std::size_t count, std::uint64_t seed, float low = -1, float high = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = random.real(low, high);
  return values;
}

/// Outputs on the default instruction set, the same bits on all others and with three threads.
std::vector<std::vector<float>> run(const Graph& graph, const std::vector<std::vector<float>>& inputs) {
  std::vector<std::vector<float>> first;
  for (const Isa isa : available_isas()) {
    CompileOptions options = default_options();
    options.isa = isa;
    Session session(Program::compile(graph, options), isa == Isa::scalar ? 1 : 3);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      REQUIRE(session.input(i).size() == inputs[i].size());
      std::copy(inputs[i].begin(), inputs[i].end(), session.input(i).begin());
    }
    session.run();
    std::vector<std::vector<float>> outputs;
    for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
      outputs.emplace_back(session.output(i).begin(), session.output(i).end());
    if (first.empty()) first = outputs;
    CHECK(first == outputs);
  }
  return first;
}

std::size_t count_of(const Graph& graph, const std::string& op) {
  std::size_t count = 0;
  for (const NodeId id : graph.order()) count += graph.node(id).op == op ? 1U : 0U;
  return count;
}

const Shape kImage{1, 3, 32, 48};
const Shape kMaps[2] = {{1, 8, 4, 6}, {1, 8, 2, 3}};
constexpr std::int64_t kClasses = 3;

/// Boxes of a cell: the first map one clustered box and another one, the second a square, a larger one and a ratio.
std::vector<float> expected_priors() {
  std::vector<float> boxes;
  const auto box = [&](double x, double y, double w, double h) {
    for (const double v : {(x - w / 2) / 48, (y - h / 2) / 32, (x + w / 2) / 48, (y + h / 2) / 32})
      boxes.push_back(static_cast<float>(v));
  };
  for (int h = 0; h < 4; ++h)
    for (int w = 0; w < 6; ++w)
      box((w + 0.5) * 8, (h + 0.5) * 8, 10, 8), box((w + 0.5) * 8, (h + 0.5) * 8, 6, 14);
  for (int h = 0; h < 2; ++h)
    for (int w = 0; w < 3; ++w)
      for (const auto& [bw, bh] : {std::pair{16.0, 16.0},
                                   {std::sqrt(16.0 * 25), std::sqrt(16.0 * 25)},
                                   {16 * std::sqrt(2.0), 16 / std::sqrt(2.0)}})
        box((w + 0.5) * 16, (h + 0.5) * 16, bw, bh);
  return boxes;
}

/// Prior boxes of a map as a value [1, 2, n].
Source priors_of(DocumentBuilder& b, Source map, Source image, int level, std::int64_t count) {
  const std::string name = "prior" + std::to_string(level);
  const std::string type = level == 0 ? "PriorBoxClustered" : "PriorBox";
  Pairs pairs = {{"offset", "0.5"}, {"clip", "0"}, {"variance", "0.1,0.1,0.2,0.2"}};
  const Pairs own =
      level == 0 ? Pairs{{"width", "10,6"}, {"height", "8,14"}}
                 : Pairs{{"min_size", "16"}, {"max_size", "25"}, {"aspect_ratio", "2"}, {"step", "16"}};
  pairs.insert(pairs.end(), own.begin(), own.end());
  if (b.legacy()) return b.add(type, name, pairs, {map, image}, {{1, 2, count * 4}});
  const auto size = [&](Source of, const std::string& suffix) {
    const Source shape = b.add("ShapeOf", name + "/shape" + suffix, {}, {of}, {{4}});
    return b.add("StridedSlice", name + "/size" + suffix, {{"begin_mask", "0"}, {"end_mask", "0"}},
                 {shape, b.ints({2}), b.ints({4}), b.ints({1})}, {{2}});
  };
  const Source grid = size(map, "0"), whole = size(image, "1");
  const Source boxes = b.add(type, name, pairs, {grid, whole}, {{2, count * 4}});
  return b.add("Unsqueeze", name + "/unsqueeze", {}, {boxes, b.ints({0})}, {{1, 2, count * 4}});
}

/// A map [1, count * n, H, W] as rows [1, H * W * count * n], pixel by pixel.
Source flattened(DocumentBuilder& b, Source map, const Shape& shape, const std::string& name) {
  const Shape moved{1, shape[2], shape[3], shape[1]};
  const std::int64_t size = element_count(shape);
  if (b.legacy()) {
    const Source turned = b.add("Permute", name + "/permute", {{"order", "0,2,3,1"}}, {map}, {moved});
    return b.add("Flatten", name + "/flatten", {{"axis", "1"}}, {turned}, {{1, size}});
  }
  const Source turned = b.add("Transpose", name + "/transpose", {}, {map, b.ints({0, 2, 3, 1})}, {moved});
  return b.add("Reshape", name + "/flatten", {{"special_zero", "true"}}, {turned, b.ints({0, -1})},
               {{1, size}});
}

Graph ssd(int version) {
  DocumentBuilder b(version);
  const Source image = b.input("image", kImage);
  Source maps[2], locations[2], scores[2], priors[2];
  const std::int64_t boxes[2] = {2, 3};
  std::int64_t all = 0;
  std::vector<Source> loc_maps, score_maps;
  for (int i = 0; i < 2; ++i) {
    const std::string level = std::to_string(i);
    maps[i] = b.input("map" + level, kMaps[i]);
    const Shape loc{1, boxes[i] * 4, kMaps[i][2], kMaps[i][3]},
        score{1, boxes[i] * kClasses, kMaps[i][2], kMaps[i][3]};
    locations[i] = flattened(b, b.input("loc" + level, loc), loc, "loc_flat" + level);
    scores[i] = flattened(b, b.input("score" + level, score), score, "score_flat" + level);
    const std::int64_t count = boxes[i] * kMaps[i][2] * kMaps[i][3];
    priors[i] = priors_of(b, maps[i], image, i, count);
    all += count;
  }
  const Source loc = b.add("Concat", "loc", {{"axis", "1"}}, {locations[0], locations[1]}, {{1, all * 4}});
  const Source flat = b.add("Concat", "conf", {{"axis", "1"}}, {scores[0], scores[1]}, {{1, all * kClasses}});
  const Source prior = b.add("Concat", "priors", {{"axis", "2"}}, {priors[0], priors[1]}, {{1, 2, all * 4}});
  const Shape rows{1, all, kClasses};
  const Source target = b.ints({1, all, kClasses}), back = b.ints({1, all * kClasses});
  const Source split = b.add("Reshape", "conf/rows", {{"special_zero", "false"}}, {flat, target}, {rows});
  const Source soft = b.add("SoftMax", "conf/softmax", {{"axis", "2"}}, {split}, {rows});
  const Source conf =
      b.add("Reshape", "conf/flat", {{"special_zero", "false"}}, {soft, back}, {{1, all * kClasses}});
  b.output(b.add("DetectionOutput", "boxes",
                 {{"num_classes", std::to_string(kClasses)},
                  {"keep_top_k", "25"},
                  {"top_k", "50"},
                  {"nms_threshold", "0.3"},
                  {"confidence_threshold", "0.35"},
                  {"normalized", "true"},
                  {"code_type", "caffe.PriorBoxParameter.CENTER_SIZE"}},
                 {loc, conf, prior}, {{1, 1, 25, 7}}));
  // The maps are read for their size alone, which leaves them unread: a legacy network gives out what nobody reads.
  return b.graph();
}

struct Row {
  int label;
  double score, box[4];
};

double overlap(const Row& a, const Row& b) {
  const double w = std::min(a.box[2], b.box[2]) - std::max(a.box[0], b.box[0]);
  const double h = std::min(a.box[3], b.box[3]) - std::max(a.box[1], b.box[1]);
  if (w <= 0 || h <= 0) return 0;
  const auto area = [](const Row& r) { return (r.box[2] - r.box[0]) * (r.box[3] - r.box[1]); };
  return w * h / (area(a) + area(b) - w * h);
}

/// The head in doubles: permute, concatenate, softmax, decode, suppress.
std::vector<float> ssd_reference(const std::vector<std::vector<float>>& inputs) {
  const std::vector<float> priors = expected_priors();
  std::vector<Row> rows;
  std::size_t prior = 0;
  for (std::size_t level = 0; level < 2; ++level) {
    const std::size_t cells = static_cast<std::size_t>(kMaps[level][2] * kMaps[level][3]), boxes = 2 + level;
    const std::vector<float>&loc = inputs[2 + level * 3], &score = inputs[3 + level * 3];
    for (std::size_t cell = 0; cell < cells; ++cell)
      for (std::size_t k = 0; k < boxes; ++k, ++prior) {
        const float* p = priors.data() + prior * 4;
        const auto l = [&](std::size_t i) { return static_cast<double>(loc[(k * 4 + i) * cells + cell]); };
        const double w = static_cast<double>(p[2] - p[0]), h = static_cast<double>(p[3] - p[1]);
        const double x = 0.1 * l(0) * w + static_cast<double>(p[0] + p[2]) / 2;
        const double y = 0.1 * l(1) * h + static_cast<double>(p[1] + p[3]) / 2;
        const double hw = std::exp(0.2 * l(2)) * w / 2, hh = std::exp(0.2 * l(3)) * h / 2;
        double sum = 0, e[kClasses];
        for (std::size_t c = 0; c < kClasses; ++c)
          sum += e[c] = std::exp(static_cast<double>(score[(k * kClasses + c) * cells + cell]));
        for (int c = 1; c < kClasses; ++c) rows.push_back({c, e[c] / sum, {x - hw, y - hh, x + hw, y + hh}});
      }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.score > b.score; });
  std::vector<Row> kept;
  for (const Row& r : rows)
    if (r.score > 0.35 && std::none_of(kept.begin(), kept.end(), [&](const Row& k) {
          return k.label == r.label && overlap(k, r) > 0.3;
        }))
      kept.push_back(r);
  if (kept.size() > 25) kept.resize(25);
  std::stable_sort(kept.begin(), kept.end(), [](const Row& a, const Row& b) { return a.label < b.label; });
  std::vector<float> out;
  for (const Row& r : kept) {
    out.insert(out.end(), {0, static_cast<float>(r.label), static_cast<float>(r.score)});
    for (const double v : r.box) out.push_back(static_cast<float>(v));
  }
  if (kept.size() < 25) out.push_back(-1);
  out.resize(25 * 7, 0.0F);
  return out;
}

void check_close(const std::vector<float>& y, const std::vector<float>& expected, double tolerance) {
  REQUIRE(y.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(y[i]) - static_cast<double>(expected[i])));
  CHECK(worst < tolerance);
}

}  // namespace

TEST_CASE("the head of an SSD, its prior boxes folded", "[detection][heads]") {
  std::vector<std::vector<float>> inputs{noise(3 * 32 * 48, 1)};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto cells = static_cast<std::size_t>(kMaps[i][2] * kMaps[i][3]), boxes = 2 + i;
    inputs.push_back(noise(8 * cells, 2));
    inputs.push_back(noise(boxes * 4 * cells, 3 + i));
    inputs.push_back(noise(boxes * kClasses * cells, 5 + i, -3, 3));
  }
  for (const int version : {6, 10, 11}) {
    INFO("version " << version);
    const Graph graph = ssd(version);
    for (const char* gone : {"PriorBox", "PriorBoxClustered", "ShapeOf", "StridedSlice"})
      CHECK(count_of(graph, gone) == 0);
    CHECK(count_of(graph, "Concat") == 2);
    const std::vector<float> priors = input_floats(graph, node_named(graph, "boxes"), 2);
    std::vector<float> expected = expected_priors();
    for (std::size_t i = 0, half = expected.size(); i < half; ++i)
      expected.push_back(i % 4 < 2 ? 0.1F : 0.2F);
    check_close(priors, expected, 1e-6);
    const auto y = run(graph, inputs);
    CHECK(y.size() == 1);
    check_close(y.front(), ssd_reference(inputs), 1e-5);
    CHECK(y.front()[7] == 0);
  }
}

TEST_CASE("heads of YOLO v2 and v3", "[detection][heads]") {
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (const int version : {6, 11})
    for (const bool softmax : {true, false}) {
      const std::int64_t anchors = softmax ? 5 : 3, classes = 4, entries = 9, cells = 12;
      const Shape shape{1, anchors * entries, 3, 4};
      DocumentBuilder b(version);
      const Source x = b.input("x", shape);
      const Source leaky = version == 6
                               ? b.add("ReLU", "leaky", {{"negative_slope", "0.1"}}, {x}, {shape})
                               : b.add("PReLU", "leaky", {}, {x, b.constant<float>({1}, {0.1F})}, {shape});
      b.output(b.add("RegionYolo", "y",
                     {{"classes", "4"},
                      {"coords", "4"},
                      {"num", softmax ? "5" : "9"},
                      {"do_softmax", softmax ? "1" : "0"},
                      {"mask", softmax ? "" : "6,7,8"},
                      {"axis", "1"},
                      {"end_axis", "3"}},
                     {leaky}, {softmax ? Shape{1, element_count(shape)} : shape}));
      const auto input = noise(static_cast<std::size_t>(element_count(shape)), 11, -4, 4);
      std::vector<double> v(input.begin(), input.end());
      for (double& e : v) e = e < 0 ? 0.1 * e : e;
      std::vector<float> expected(v.size());
      for (std::size_t i = 0; i < v.size(); ++i) {
        const auto channel = static_cast<std::int64_t>(i) / cells, entry = channel % entries;
        double value = entry == 2 || entry == 3 ? v[i] : logistic(v[i]);
        if (softmax && entry > 4) {
          const std::size_t first = i - static_cast<std::size_t>((entry - 5) * cells);
          double sum = 0;
          for (std::size_t c = 0; c < static_cast<std::size_t>(classes); ++c)
            sum += std::exp(v[first + c * cells]);
          value = std::exp(v[i]) / sum;
        }
        expected[i] = static_cast<float>(value);
      }
      check_close(run(b.graph(), {input}).front(), expected, 2e-6);
    }
}

TEST_CASE("proposals and the pooling of their regions", "[detection][heads]") {
  constexpr std::int64_t kRows = 12;
  for (const int version : {6, 10}) {
    DocumentBuilder b(version);
    const Source score = b.input("scores", {1, 4, 6, 6}), delta = b.input("deltas", {1, 8, 6, 6});
    const Source features = b.input("features", {1, 5, 6, 6});
    const Source info = b.constant<float>({1, 3}, {48, 48, 1});
    const Source rois = b.add("Proposal", "rois",
                              {{"base_size", "8"},
                               {"min_size", "4"},
                               {"feat_stride", "8"},
                               {"pre_nms_topn", "40"},
                               {"post_nms_topn", std::to_string(kRows)},
                               {"nms_thresh", "0.4"},
                               {"ratio", "1"},
                               {"scale", "1,2"}},
                              {score, delta, info}, {{kRows, 5}});
    b.output(b.add("ROIPooling", "pooled",
                   {{"pooled_h", "2"}, {"pooled_w", "3"}, {"spatial_scale", "0.125"}, {"method", "max"}},
                   {features, rois}, {{kRows, 5, 2, 3}}, "opset2"));
    // Deltas of 0 leave the anchors: squares of 8 and 16 pixels at every cell, clipped to the image.
    const auto scores = noise(4 * 36, 21, 0, 1), map = noise(5 * 36, 22);
    struct Anchor {
      double x1, y1, x2, y2, score;
    };
    std::vector<Anchor> anchors;
    for (std::size_t cell = 0; cell < 36; ++cell)
      for (std::size_t k = 0; k < 2; ++k) {
        const double half = k == 0 ? 3.5 : 7.5, x = static_cast<double>(cell % 6) * 8 + 3.5,
                     y = static_cast<double>(cell / 6) * 8 + 3.5;
        // exp(0) times width 8 or 16 around the centre, whose far corner lies a pixel further than the anchor's.
        const double side = half + 0.5, cx = x + 0.5, cy = y + 0.5;
        const auto clip = [](double v) { return std::clamp(v, 0.0, 47.0); };
        anchors.push_back({clip(cx - side), clip(cy - side), clip(cx + side), clip(cy + side),
                           static_cast<double>(scores[(2 + k) * 36 + cell])});
      }
    std::stable_sort(anchors.begin(), anchors.end(),
                     [](const Anchor& p, const Anchor& q) { return p.score > q.score; });
    anchors.resize(40);
    std::vector<Anchor> kept;
    for (const Anchor& a : anchors)
      if (kept.size() < kRows && std::none_of(kept.begin(), kept.end(), [&](const Anchor& k) {
            const double w = std::min(a.x2, k.x2) - std::max(a.x1, k.x1) + 1,
                         h = std::min(a.y2, k.y2) - std::max(a.y1, k.y1) + 1;
            const auto area = [](const Anchor& q) { return (q.x2 - q.x1 + 1) * (q.y2 - q.y1 + 1); };
            return w > 0 && h > 0 && w * h / (area(a) + area(k) - w * h) > 0.4;
          }))
        kept.push_back(a);
    std::vector<float> expected;
    for (const Anchor& k : kept)
      for (std::size_t c = 0; c < 5; ++c)
        for (int row = 0; row < 2; ++row)
          for (int column = 0; column < 3; ++column) {
            const int x = static_cast<int>(std::round(k.x1 / 8)), y = static_cast<int>(std::round(k.y1 / 8));
            const int w = static_cast<int>(std::round(k.x2 / 8)) - x + 1,
                      h = static_cast<int>(std::round(k.y2 / 8)) - y + 1;
            double best = -1e9;
            for (int r = row * h / 2; r < (row + 1) * h / 2 + (h % 2); ++r)
              for (int q = column * w / 3; q * 3 < (column + 1) * w; ++q)
                if (r * 2 < (row + 1) * h && y + r < 6 && x + q < 6)
                  best = std::max(
                      best, static_cast<double>(map[c * 36 + static_cast<std::size_t>((y + r) * 6 + x + q)]));
            expected.push_back(static_cast<float>(best == -1e9 ? 0 : best));
          }
    expected.resize(kRows * 5 * 6, 0.0F);
    check_close(run(b.graph(), {scores, std::vector<float>(8 * 36, 0.0F), map}).front(), expected, 1e-6);
  }
}
