#include "engine/ops/class_suppression.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

struct Picked {
  float score;
  std::int64_t image, label, box;
};

using Corners = std::vector<float>;

Corners corners(const Tensor& boxes, std::int64_t outer, std::int64_t i) {
  Corners v;
  for (std::int64_t k = 0; k < 4; ++k) v.push_back(value_at(boxes, {outer, i, k}));
  return v;
}

float iou(const Corners& a, const Corners& b, float extent) {
  const float w = std::min(a[2], b[2]) - std::max(a[0], b[0]) + extent;
  const float h = std::min(a[3], b[3]) - std::max(a[1], b[1]) + extent;
  if (w <= 0 || h <= 0) return 0;
  const auto area = [&](const Corners& c) { return (c[2] - c[0] + extent) * (c[3] - c[1] + extent); };
  return w * h / (area(a) + area(b) - w * h);
}

struct Candidates {
  std::vector<float> score;
  std::vector<std::int64_t> box;
  std::vector<Corners> corners;
};

/// Scores of one class in descending order.
Candidates candidates_of(const ClassSuppressionAttributes& a, const std::vector<float>& scores,
                         const std::vector<Corners>& boxes, bool inclusive) {
  std::vector<std::pair<float, std::int64_t>> order;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i] > static_cast<float>(a.score_threshold) ||
        (inclusive && scores[i] == static_cast<float>(a.score_threshold)))
      order.emplace_back(-scores[i], static_cast<std::int64_t>(i));
  std::sort(order.begin(), order.end());
  if (a.top_k >= 0) order.resize(std::min(order.size(), static_cast<std::size_t>(a.top_k)));
  Candidates c;
  for (const auto& [score, box] : order) {
    c.score.push_back(-score);
    c.box.push_back(box);
    c.corners.push_back(boxes[static_cast<std::size_t>(box)]);
  }
  return c;
}

/// The matrix of overlaps as the description of the operation has it.
std::vector<Picked> matrix(const MatrixNmsAttributes& a, const Candidates& c) {
  const float extent = a.common.normalized ? 0.0F : 1.0F;
  const std::size_t n = c.score.size();
  std::vector<std::vector<float>> x(n, std::vector<float>(n, 0.0F));
  std::vector<float> largest(n, 0.0F);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      x[j][i] = iou(c.corners[i], c.corners[j], extent);
      largest[i] = std::max(largest[i], x[j][i]);
    }
  std::vector<Picked> picked;
  for (std::size_t i = 0; i < n; ++i) {
    double least = 1;
    for (std::size_t j = 0; j < i; ++j) {
      const double u = static_cast<double>(x[j][i]), k = static_cast<double>(largest[j]);
      least = std::min(least, a.gaussian ? std::exp((k * k - u * u) * a.sigma) : (1 - u) / (1 - k + 1e-10));
    }
    const auto score = static_cast<float>(least * static_cast<double>(c.score[i]));
    if (score > static_cast<float>(a.post_threshold)) picked.push_back({score, 0, 0, c.box[i]});
  }
  return picked;
}

std::vector<Picked> hard(const MulticlassNmsAttributes& a, const Candidates& c) {
  const float extent = a.common.normalized ? 0.0F : 1.0F;
  auto threshold = static_cast<float>(a.iou_threshold);
  std::vector<Picked> picked;
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < c.score.size(); ++i) {
    const bool dropped = std::any_of(kept.begin(), kept.end(), [&](std::size_t j) {
      return iou(c.corners[i], c.corners[j], extent) >= threshold;
    });
    if (dropped) continue;
    kept.push_back(i);
    picked.push_back({c.score[i], 0, 0, c.box[i]});
    if (a.eta < 1 && threshold > 0.5F) threshold *= static_cast<float>(a.eta);
  }
  return picked;
}

bool by_score(const Picked& a, const Picked& b) {
  return std::tuple(-a.score, a.image, a.label, a.box) < std::tuple(-b.score, b.image, b.label, b.box);
}
bool by_class(const Picked& a, const Picked& b) {
  return std::tuple(a.label, a.image, -a.score, a.box) < std::tuple(b.label, b.image, -b.score, b.box);
}

/// What every class chooses, put together. `counts`: boxes of the images where classes have boxes of their own.
template <class Rules, class Choose>
Outputs reference(const Rules& rules, const Tensor& boxes, const Tensor& scores,
                  const std::vector<int>& counts, std::int64_t rows, bool inclusive, Choose choose) {
  const ClassSuppressionAttributes& a = rules.common;
  const bool shared = counts.empty();
  const std::int64_t images = shared ? scores.shape[0] : std::ssize(counts);
  const std::int64_t classes = shared ? scores.shape[1] : scores.shape[0];
  std::vector<Picked> all;
  std::vector<float> valid;
  std::vector<std::int64_t> starts;
  std::int64_t start = 0;
  for (std::int64_t n = 0; n < images; ++n) {
    starts.push_back(start);
    const std::int64_t here = shared ? boxes.shape[1] : counts[static_cast<std::size_t>(n)];
    std::vector<Picked> of_image;
    for (std::int64_t c = 0; c < classes; ++c) {
      if (c == a.background) continue;
      std::vector<float> own;
      std::vector<Corners> own_boxes;
      for (std::int64_t i = 0; i < here; ++i) {
        own.push_back(shared ? value_at(scores, {n, c, i}) : value_at(scores, {c, start + i}));
        own_boxes.push_back(shared ? corners(boxes, n, i) : corners(boxes, c, start + i));
      }
      for (Picked p : choose(rules, candidates_of(a, own, own_boxes, inclusive)))
        of_image.push_back({p.score, n, c, p.box});
    }
    std::sort(of_image.begin(), of_image.end(), by_score);
    if (a.keep_top_k >= 0) of_image.resize(std::min(of_image.size(), static_cast<std::size_t>(a.keep_top_k)));
    if (a.sort == "class") std::sort(of_image.begin(), of_image.end(), by_class);
    valid.push_back(static_cast<float>(of_image.size()));
    all.insert(all.end(), of_image.begin(), of_image.end());
    if (!shared) start += here;
  }
  if (a.across_images && a.sort == "score") std::sort(all.begin(), all.end(), by_score);
  if (a.across_images && a.sort == "class") std::sort(all.begin(), all.end(), by_class);
  std::vector<float> lines(static_cast<std::size_t>(rows) * 6, -1.0F),
      positions(static_cast<std::size_t>(rows), -1.0F);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Picked& p = all[i];
    const std::int64_t from = shared ? 0 : starts[static_cast<std::size_t>(p.image)];
    const Corners box = shared ? corners(boxes, p.image, p.box) : corners(boxes, p.label, from + p.box);
    lines[i * 6] = static_cast<float>(p.label);
    lines[i * 6 + 1] = p.score;
    std::copy(box.begin(), box.end(), lines.begin() + static_cast<std::ptrdiff_t>(i * 6 + 2));
    positions[i] =
        static_cast<float>(shared ? p.image * boxes.shape[1] + p.box : (from + p.box) * classes + p.label);
  }
  return {lines, positions, valid};
}

Tensor make_boxes(const Shape& outer, float size, std::uint64_t seed) {
  Random random(seed);
  Tensor t{{outer[0], outer[1], 4}, {}};
  for (std::int64_t i = 0; i < outer[0] * outer[1]; ++i) {
    const float x = random.real(0, size), y = random.real(0, size);
    t.data.insert(t.data.end(),
                  {x, y, x + random.real(size / 4, size / 2), y + random.real(size / 4, size / 2)});
  }
  return t;
}

Tensor make_scores(const Shape& shape, std::uint64_t seed) {
  Random random(seed);
  return generate(shape, [&](const Index&) { return std::floor(random.real(0, 40)) / 40; });
}

std::vector<ClassSuppressionAttributes> grid() {
  std::vector<ClassSuppressionAttributes> all;
  for (const char* sort : {"none", "score", "class"})
    for (const std::int64_t top : {-1, 4})
      for (const std::int64_t keep : {-1, 5})
        for (int bits = 0; bits < 8; ++bits) {
          ClassSuppressionAttributes a;
          a.sort = sort;
          a.top_k = top;
          a.keep_top_k = keep;
          a.across_images = (bits & 1) != 0;
          a.normalized = (bits & 2) != 0;
          a.index64 = a.normalized;
          a.background = (bits & 4) != 0 ? 1 : -1;
          a.score_threshold = 0.3;
          all.push_back(a);
        }
  return all;
}

template <class Rules>
Outputs run_op(const char* op, const Rules& rules, const std::vector<Tensor>& inputs,
               const std::vector<std::int32_t>& counts) {
  GraphBuilder b;
  std::vector<ValueId> ids{b.input("boxes", DType::f32, inputs[0].shape),
                           b.input("scores", DType::f32, inputs[1].shape)};
  if (!counts.empty())
    ids.push_back(b.constant("counts", Constant::i64_vector({counts.begin(), counts.end()})));
  for (const ValueId id : b.add(op, "y", Attributes::of(rules), ids, 3)) b.output(id);
  return run_everywhere(b.finish(), inputs);
}

void check(const Outputs& actual, const Outputs& expected) {
  CHECK(deviation(actual[0], expected[0]) < 1e-5);
  CHECK(actual[1] == expected[1]);
  CHECK(actual[2] == expected[2]);
}

}  // namespace

TEST_CASE("MatrixNms over its switches", "[detection]") {
  std::uint64_t seed = 0;
  for (const ClassSuppressionAttributes& common : grid())
    for (const bool gaussian : {false, true}) {
      MatrixNmsAttributes a{common, gaussian, 1.5, 0.2};
      const Tensor boxes = make_boxes({2, 17}, common.normalized ? 1.0F : 100.0F, ++seed),
                   scores = make_scores({2, 3, 17}, seed);
      const Outputs y = run_op("MatrixNms", a, {boxes, scores}, {});
      const std::int64_t rows = std::ssize(y[1]);
      INFO(common.sort << " top " << common.top_k << " keep " << common.keep_top_k << " gaussian "
                       << gaussian);
      check(y, reference(a, boxes, scores, {}, rows, false, matrix));
    }
}

TEST_CASE("MulticlassNms over its switches, with shared boxes and boxes per class", "[detection]") {
  std::uint64_t seed = 100;
  for (const ClassSuppressionAttributes& common : grid())
    for (const double eta : {1.0, 0.8})
      for (const bool shared : {true, false}) {
        MulticlassNmsAttributes a{common, 0.55, eta};
        const std::vector<int> counts = shared ? std::vector<int>{} : std::vector<int>{7, 0, 10};
        const Tensor boxes = make_boxes({shared ? 2 : 3, 17}, common.normalized ? 1.0F : 100.0F, ++seed),
                     scores = make_scores(shared ? Shape{2, 3, 17} : Shape{3, 17}, seed);
        const Outputs y = run_op("MulticlassNms", a, {boxes, scores}, counts);
        INFO(common.sort << " top " << common.top_k << " keep " << common.keep_top_k << " shared " << shared);
        check(y, reference(a, boxes, scores, counts, std::ssize(y[1]), true, hard));
      }
}

TEST_CASE("a threshold of zero keeps one box of a class", "[detection]") {
  MulticlassNmsAttributes a;
  const Outputs y = run_op(
      "MulticlassNms", a, {Tensor{{1, 2, 4}, {0, 0, 1, 1, 5, 5, 6, 6}}, Tensor{{1, 1, 2}, {0.4F, 0.9F}}}, {});
  CHECK(y[0] == std::vector<float>{0, 0.9F, 5, 5, 6, 6, -1, -1, -1, -1, -1, -1});
  CHECK(y[1] == std::vector<float>{1, -1});
}

TEST_CASE("suppression by class refuses what does not fit", "[detection]") {
  const auto infer = [](const MulticlassNmsAttributes& a, const std::vector<Shape>& shapes) {
    GraphBuilder b;
    const std::vector<ValueId> ids{b.input("boxes", DType::f32, shapes[0]),
                                   b.input("scores", DType::f32, shapes[1])};
    return b.graph().value(b.add("MulticlassNms", "layer", Attributes::of(a), ids, 3).front()).shape;
  };
  MulticlassNmsAttributes a;
  CHECK(infer(a, {{2, 5, 4}, {2, 3, 5}}) == Shape{30, 6});
  a.common.background = 0, a.common.top_k = 2;
  CHECK(infer(a, {{2, 5, 4}, {2, 3, 5}}) == Shape{8, 6});
  a.common.keep_top_k = 3;
  CHECK(infer(a, {{2, 5, 4}, {2, 3, 5}}) == Shape{6, 6});
  CHECK_THROWS_WITH(infer(a, {{2, 5}, {2, 3, 5}}), Contains("the boxes have the shape"));
  CHECK_THROWS_WITH(infer(a, {{2, 5, 4}, {2, 3, 6}}), Contains("the scores have the shape"));
  CHECK_THROWS_WITH(infer(a, {{2, 5, 4}, {2, 5}}), Contains("the scores have the shape"));
  a.common.keep_top_k = 0;
  CHECK_THROWS_WITH(infer(a, {{2, 5, 4}, {2, 3, 5}}), Contains("nothing can be chosen"));
  a = {};
  a.common.sort = "area";
  CHECK_THROWS_WITH(infer(a, {{2, 5, 4}, {2, 3, 5}}), Contains("none of none, score and class"));
  a = {};
  a.eta = 2;
  CHECK_THROWS_WITH(infer(a, {{2, 5, 4}, {2, 3, 5}}), Contains("nms_eta"));
}
