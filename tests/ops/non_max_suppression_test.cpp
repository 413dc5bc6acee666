#include "engine/ops/non_max_suppression.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

using Rules = NonMaxSuppressionAttributes;

struct Picked {
  float score;
  std::int64_t batch, label, box;
};

float iou(const std::vector<float>& a, const std::vector<float>& b) {
  const float w = std::min(a[2], b[2]) - std::max(a[0], b[0]);
  const float h = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  if (w <= 0 || h <= 0) return 0;
  const float first = (a[2] - a[0]) * (a[3] - a[1]), second = (b[2] - b[0]) * (b[3] - b[1]);
  return w * h / (first + second - w * h);
}

std::vector<float> corners(const Rules& r, const Tensor& boxes, std::int64_t n, std::int64_t i) {
  float v[4];
  for (std::int64_t k = 0; k < 4; ++k) v[k] = value_at(boxes, {n, i, k});
  if (r.center) return {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
  return {std::min(v[1], v[3]), std::min(v[0], v[2]), std::max(v[1], v[3]), std::max(v[0], v[2])};
}

/// The loop of the operation's description with a list that is searched for its best entry.
std::vector<Picked> of_class(const Rules& r, const Tensor& boxes, const Tensor& scores, std::int64_t n,
                             std::int64_t c) {
  struct Entry {
    float score;
    std::int64_t box;
    std::size_t seen;
  };
  const auto lowest = static_cast<float>(r.score_threshold), limit = static_cast<float>(r.iou_threshold);
  std::vector<Entry> queue;
  for (std::int64_t i = 0; i < boxes.shape[1]; ++i)
    if (value_at(scores, {n, c, i}) > lowest) queue.push_back({value_at(scores, {n, c, i}), i, 0});
  std::vector<Picked> picked;
  while (!queue.empty() && std::ssize(picked) < r.max_boxes) {
    const auto best = std::min_element(queue.begin(), queue.end(), [](const Entry& a, const Entry& b) {
      return std::tuple(-a.score, a.box) < std::tuple(-b.score, b.box);
    });
    Entry e = *best;
    queue.erase(best);
    const float before = e.score;
    bool dropped = false;
    for (std::size_t j = picked.size(); j-- > e.seen && !dropped;) {
      const float common = iou(corners(r, boxes, n, e.box), corners(r, boxes, n, picked[j].box));
      dropped = r.drop_equal ? common >= limit : common > limit;
      if (r.soft_nms_sigma > 0 && !dropped) {
        e.score *= std::exp(-0.5F / static_cast<float>(r.soft_nms_sigma) * common * common);
        dropped = e.score <= lowest;
      }
    }
    e.seen = picked.size();
    if (dropped) continue;
    if (e.score == before)
      picked.push_back({e.score, n, c, e.box});
    else
      queue.push_back(e);
  }
  return picked;
}

std::vector<Picked> reference(const Rules& r, const Tensor& boxes, const Tensor& scores) {
  std::vector<Picked> all;
  for (std::int64_t n = 0; n < scores.shape[0]; ++n)
    for (std::int64_t c = 0; c < scores.shape[1]; ++c)
      for (const Picked& p : of_class(r, boxes, scores, n, c)) all.push_back(p);
  if (r.sort_result_descending)
    std::sort(all.begin(), all.end(), [](const Picked& a, const Picked& b) {
      return std::tuple(-a.score, a.batch, a.label, a.box) < std::tuple(-b.score, b.batch, b.label, b.box);
    });
  return all;
}

Tensor make_boxes(std::int64_t batch, std::int64_t count, bool center, std::uint64_t seed) {
  Random random(seed);
  Tensor t{{batch, count, 4}, {}};
  for (std::int64_t i = 0; i < batch * count; ++i) {
    const float a = random.real(0, 1), b = random.real(0, 1);
    const float w = random.real(0.1F, 0.5F), h = random.real(0.1F, 0.5F);
    if (center)
      t.data.insert(t.data.end(), {a, b, w, h});
    else if (i % 2 == 0)
      t.data.insert(t.data.end(), {a, b, a + h, b + w});
    else
      t.data.insert(t.data.end(), {a + h, b, a, b + w});
  }
  return t;
}

}  // namespace

TEST_CASE("NonMaxSuppression over its switches and sizes", "[detection]") {
  std::uint64_t seed = 0;
  for (const std::int64_t count : {1, 5, 60})
    for (const std::int64_t most : {1, 4, 1000})
      for (const double sigma : {0.0, 0.5})
        for (int bits = 0; bits < 16; ++bits) {
          Rules r;
          r.center = (bits & 1) != 0;
          r.sort_result_descending = (bits & 2) != 0;
          r.index64 = (bits & 4) != 0;
          r.drop_equal = (bits & 8) != 0;
          r.scores = true;
          r.max_boxes = most;
          r.soft_nms_sigma = sigma;
          r.iou_threshold = 0.45, r.score_threshold = 0.2;
          const Tensor boxes = make_boxes(2, count, r.center, ++seed);
          Random random(seed);
          const Tensor scores =
              generate({2, 3, count}, [&](const Index&) { return std::floor(random.real(0, 20)) / 20; });
          GraphBuilder b;
          const auto outputs = b.add(
              "NonMaxSuppression", "y", Attributes::of(r),
              {b.input("boxes", DType::f32, boxes.shape), b.input("scores", DType::f32, scores.shape)}, 3);
          for (const ValueId id : outputs) b.output(id);
          const Outputs y = run_everywhere(b.finish(), {boxes, scores});
          const std::vector<Picked> expected = reference(r, boxes, scores);
          const std::size_t rows = static_cast<std::size_t>(6 * std::min(count, most));
          std::vector<float> indices(rows * 3, -1.0F), values(rows * 3, -1.0F);
          for (std::size_t i = 0; i < expected.size(); ++i) {
            const Picked& p = expected[i];
            const float batch = static_cast<float>(p.batch), label = static_cast<float>(p.label);
            indices[i * 3] = values[i * 3] = batch;
            indices[i * 3 + 1] = values[i * 3 + 1] = label;
            indices[i * 3 + 2] = static_cast<float>(p.box);
            values[i * 3 + 2] = p.score;
          }
          INFO(count << " boxes, at most " << most << ", sigma " << sigma << ", switches " << bits);
          CHECK(y[0] == indices);
          CHECK(deviation(y[1], values) < 1e-6);
          CHECK(y[2] == std::vector<float>{static_cast<float>(expected.size())});
        }
}

TEST_CASE("NonMaxSuppression at an overlap that equals the threshold", "[detection]") {
  const Tensor boxes{{1, 2, 4}, {0, 0, 1, 1, 0, 0, 1, 0.5F}}, scores{{1, 1, 2}, {0.9F, 0.8F}};
  for (const bool drop : {true, false}) {
    Rules r;
    r.max_boxes = 2, r.iou_threshold = 0.5, r.drop_equal = drop;
    GraphBuilder b;
    b.output(
        b.add1("NonMaxSuppression", "y", Attributes::of(r),
               {b.input("boxes", DType::f32, boxes.shape), b.input("scores", DType::f32, scores.shape)}));
    const auto y = run_everywhere(b.finish(), {boxes, scores}).front();
    CHECK(y == (drop ? std::vector<float>{0, 0, 0, -1, -1, -1} : std::vector<float>{0, 0, 0, 0, 0, 1}));
  }
}

TEST_CASE("NonMaxSuppression cuts the rows that it is told to", "[detection]") {
  Rules r;
  r.max_boxes = 5, r.iou_threshold = 0.9, r.rows = 4;
  const Tensor boxes = make_boxes(1, 10, false, 3), scores = random_tensor({1, 2, 10}, 4, 0.1F, 1);
  GraphBuilder b;
  b.output(b.add1("NonMaxSuppression", "y", Attributes::of(r),
                  {b.input("boxes", DType::f32, boxes.shape), b.input("scores", DType::f32, scores.shape)}));
  const auto y = run_everywhere(b.finish(), {boxes, scores}).front();
  const std::vector<Picked> expected = reference(r, boxes, scores);
  REQUIRE(expected.size() > 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(y[i * 3 + 2] == static_cast<float>(expected[i].box));
}

TEST_CASE("NonMaxSuppression refuses inputs that do not fit", "[detection]") {
  Rules r;
  r.max_boxes = 3;
  const auto refused = [](const Rules& rules, const Shape& boxes, const Shape& scores) {
    CHECK_THROWS_AS(inferred("NonMaxSuppression", Attributes::of(rules), {boxes, scores}), FormatError);
  };
  CHECK(inferred("NonMaxSuppression", Attributes::of(r), {{2, 9, 4}, {2, 5, 9}}) == Shape({30, 3}));
  refused(r, {2, 9, 5}, {2, 5, 9});
  refused(r, {9, 4}, {2, 5, 9});
  refused(r, {2, 9, 4}, {1, 5, 9});
  refused(r, {2, 9, 4}, {2, 5, 8});
  r.soft_nms_sigma = -1;
  refused(r, {2, 9, 4}, {2, 5, 9});
  r.soft_nms_sigma = 0, r.max_boxes = 0;
  refused(r, {2, 9, 4}, {2, 5, 9});
}
