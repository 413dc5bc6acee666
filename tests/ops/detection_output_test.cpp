#include "engine/ops/detection_output.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

using Rules = DetectionOutputAttributes;

/// Inputs of one case: locations, scores, priors[, anchor scores, anchor locations].
struct Scene {
  std::int64_t images = 1, priors = 1, classes = 2;
  std::vector<Tensor> inputs;
};

float clamp01(float v) {
  return v < 0 ? 0 : v > 1 ? 1 : v;
}

/// Random boxes with sides of up to a third of the image, scores with many ties.
Scene make_scene(const Rules& rules, std::int64_t images, std::int64_t priors, std::int64_t classes,
                 bool priors_of_each_image, bool anchors, std::uint64_t seed) {
  Random random(seed);
  Scene s{images, priors, classes, {}};
  const std::int64_t locations = rules.share_location ? 1 : classes;
  const auto noise = [&](const Shape& shape) {
    return generate(shape, [&](const Index&) { return random.real(-1, 1); });
  };
  const auto steps = [&](const Shape& shape) {
    return generate(shape, [&](const Index&) { return std::floor(random.real(0, 40)) / 40; });
  };
  s.inputs.push_back(noise({images, priors * locations * 4}));
  s.inputs.push_back(steps({images, priors * classes}));
  const std::int64_t size = rules.normalized ? 4 : 5, rows = rules.variance_encoded_in_target ? 1 : 2;
  Tensor boxes{{priors_of_each_image ? images : 1, rows, priors * size}, {}};
  for (std::int64_t n = 0; n < boxes.shape[0]; ++n) {
    for (std::int64_t p = 0; p < priors; ++p) {
      if (!rules.normalized) boxes.data.push_back(0);
      const double scale_x = rules.normalized ? 1 : static_cast<double>(rules.input_width);
      const double scale_y = rules.normalized ? 1 : static_cast<double>(rules.input_height);
      const double x = random.real(0, 0.8F), y = random.real(0, 0.8F);
      const double w = random.real(0.05F, 0.35F), h = random.real(0.05F, 0.35F);
      for (const double v : {x * scale_x, y * scale_y, (x + w) * scale_x, (y + h) * scale_y})
        boxes.data.push_back(static_cast<float>(v));
    }
    if (rows == 2)
      for (std::int64_t i = 0; i < priors * size; ++i) boxes.data.push_back(i % 4 < 2 ? 0.1F : 0.2F);
  }
  s.inputs.push_back(boxes);
  if (anchors) {
    s.inputs.push_back(steps({images, priors * 2}));
    s.inputs.push_back(noise({images, priors * locations * 4}));
  }
  return s;
}

struct Found {
  std::int64_t prior, label;
  float score;
  std::vector<float> box;
};

/// Written from the description of the layer, box by box.
class Reference {
 public:
  Reference(const Rules& rules, const Scene& scene) : r_(rules), s_(scene) {}

  std::vector<float> rows(std::size_t count) {
    std::vector<float> out;
    for (std::int64_t n = 0; n < s_.images; ++n) {
      std::vector<Found> found = r_.decrease_label_id ? best_classes(n) : all_classes(n);
      for (const Found& f : limited(std::move(found))) {
        out.insert(out.end(), {static_cast<float>(n),
                               static_cast<float>(r_.decrease_label_id ? f.label - 1 : f.label), f.score});
        for (const float v : f.box) out.push_back(r_.clip_after_nms ? clamp01(v) : v);
      }
    }
    REQUIRE(out.size() <= count * 7);
    if (out.size() < count * 7) out.push_back(-1);
    out.resize(count * 7, 0.0F);
    return out;
  }

 private:
  std::int64_t used_priors(std::int64_t n) const {
    const Tensor& t = s_.inputs[2];
    if (r_.normalized) return s_.priors;
    const std::int64_t image = t.shape[0] == 1 ? 0 : n;
    for (std::int64_t p = 0; p < s_.priors; ++p)
      if (value_at(t, {image, 0, p * 5}) == -1) return p;
    return s_.priors;
  }
  float score(std::int64_t n, std::int64_t p, std::int64_t c) const {
    return value_at(s_.inputs[1], {n, p * s_.classes + c});
  }
  bool dropped(std::int64_t n, std::int64_t p) const {
    return s_.inputs.size() == 5 &&
           value_at(s_.inputs[3], {n, p * 2 + 1}) < static_cast<float>(r_.objectness_score);
  }

  std::vector<float> decode(std::int64_t n, std::int64_t p, std::int64_t c) const {
    const Tensor& t = s_.inputs[2];
    const std::int64_t image = t.shape[0] == 1 ? 0 : n, size = r_.normalized ? 4 : 5;
    std::vector<float> box;
    for (std::int64_t i = 0; i < 4; ++i) {
      float v = value_at(t, {image, 0, p * size + size - 4 + i});
      if (!r_.normalized) v /= static_cast<float>(i % 2 == 0 ? r_.input_width : r_.input_height);
      box.push_back(v);
    }
    if (s_.inputs.size() == 5) box = shifted(box, s_.inputs[4], n, p, c, image);
    return shifted(box, s_.inputs[0], n, p, c, image);
  }

  std::vector<float> shifted(const std::vector<float>& box, const Tensor& locations, std::int64_t n,
                             std::int64_t p, std::int64_t c, std::int64_t image) const {
    const std::int64_t kinds = r_.share_location ? 1 : s_.classes, kind = r_.share_location ? 0 : c;
    double d[4];
    for (std::int64_t i = 0; i < 4; ++i) {
      const float v = r_.variance_encoded_in_target ? 1.0F : value_at(s_.inputs[2], {image, 1, p * 4 + i});
      d[i] = static_cast<double>(v * value_at(locations, {n, (p * kinds + kind) * 4 + i}));
    }
    const double x1 = box[0], y1 = box[1], x2 = box[2], y2 = box[3];
    double out[4] = {x1 + d[0], y1 + d[1], x2 + d[2], y2 + d[3]};
    if (r_.center_size) {
      const double w = x2 - x1, h = y2 - y1, x = d[0] * w + (x1 + x2) / 2, y = d[1] * h + (y1 + y2) / 2;
      const double half_w = std::exp(d[2]) * w / 2, half_h = std::exp(d[3]) * h / 2;
      out[0] = x - half_w, out[1] = y - half_h, out[2] = x + half_w, out[3] = y + half_h;
    }
    std::vector<float> result;
    for (const double v : out)
      result.push_back(r_.clip_before_nms ? clamp01(static_cast<float>(v)) : static_cast<float>(v));
    return result;
  }

  static double iou(const std::vector<float>& a, const std::vector<float>& b) {
    const double w = std::min<double>(a[2], b[2]) - std::max<double>(a[0], b[0]);
    const double h = std::min<double>(a[3], b[3]) - std::max<double>(a[1], b[1]);
    if (w <= 0 || h <= 0) return 0;
    const auto area = [](const std::vector<float>& q) {
      return (double{q[2]} - double{q[0]}) * (double{q[3]} - double{q[1]});
    };
    return w * h / (area(a) + area(b) - w * h);
  }

  void suppress(std::vector<Found>& kept, const Found& candidate) const {
    for (const Found& k : kept)
      if (k.label == candidate.label && iou(k.box, candidate.box) > r_.nms_threshold) return;
    kept.push_back(candidate);
  }

  static void by_score(std::vector<Found>& list) {
    std::stable_sort(list.begin(), list.end(),
                     [](const Found& a, const Found& b) { return a.score > b.score; });
  }

  std::vector<Found> all_classes(std::int64_t n) const {
    std::vector<Found> kept;
    for (std::int64_t c = 0; c < s_.classes; ++c) {
      if (c == r_.background_label_id) continue;
      std::vector<Found> list;
      for (std::int64_t p = 0; p < used_priors(n); ++p)
        if (score(n, p, c) > static_cast<float>(r_.confidence_threshold) && !dropped(n, p))
          list.push_back({p, c, score(n, p, c), decode(n, p, c)});
      by_score(list);
      if (r_.top_k >= 0 && std::ssize(list) > r_.top_k) list.resize(static_cast<std::size_t>(r_.top_k));
      for (const Found& f : list) suppress(kept, f);
    }
    return kept;
  }

  std::vector<Found> best_classes(std::int64_t n) const {
    std::vector<Found> list, kept;
    for (std::int64_t p = 0; p < used_priors(n); ++p) {
      std::int64_t best = 1;
      for (std::int64_t c = 1; c < s_.classes; ++c)
        if (score(n, p, c) > score(n, p, best)) best = c;
      if (score(n, p, best) >= static_cast<float>(r_.confidence_threshold) && !dropped(n, p))
        list.push_back({p, best, score(n, p, best), decode(n, p, best)});
    }
    by_score(list);
    if (r_.top_k >= 0 && std::ssize(list) > r_.top_k) list.resize(static_cast<std::size_t>(r_.top_k));
    for (const Found& f : list) suppress(kept, f);
    std::stable_sort(kept.begin(), kept.end(),
                     [](const Found& a, const Found& b) { return a.label < b.label; });
    return kept;
  }

  std::vector<Found> limited(std::vector<Found> kept) const {
    if (r_.keep_top_k <= 0 || std::ssize(kept) <= r_.keep_top_k) return kept;
    by_score(kept);
    kept.resize(static_cast<std::size_t>(r_.keep_top_k));
    std::stable_sort(kept.begin(), kept.end(),
                     [](const Found& a, const Found& b) { return a.label < b.label; });
    return kept;
  }

  const Rules& r_;
  const Scene& s_;
};

Graph graph_of(const Rules& rules, const Scene& scene, bool constant_priors) {
  GraphBuilder b;
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < scene.inputs.size(); ++i) {
    const Tensor& t = scene.inputs[i];
    const std::string name = "x" + std::to_string(i);
    ids.push_back(i == 2 && constant_priors ? b.constant(name, constant_of(t))
                                            : b.input(name, DType::f32, t.shape));
  }
  b.output(b.add1("DetectionOutput", "y", Attributes::of(rules), ids));
  return b.finish();
}

std::vector<Tensor> fed(const Scene& scene, bool constant_priors) {
  std::vector<Tensor> inputs = scene.inputs;
  if (constant_priors) inputs.erase(inputs.begin() + 2);
  return inputs;
}

std::vector<float> check(const Rules& rules, const Scene& scene, bool constant_priors) {
  const std::vector<float> y =
      run_everywhere(graph_of(rules, scene, constant_priors), fed(scene, constant_priors)).front();
  const std::vector<float> expected = Reference(rules, scene).rows(y.size() / 7);
  CHECK(deviation(y, expected) < 1e-5);
  return y;
}

Rules basic() {
  Rules rules;
  rules.nms_threshold = 0.4;
  rules.confidence_threshold = 0.3;
  rules.top_k = 20;
  rules.keep_top_k = 15;
  return rules;
}

}  // namespace

TEST_CASE("DetectionOutput over its switches", "[detection]") {
  for (int bits = 0; bits < 256; ++bits) {
    Rules rules = basic();
    rules.share_location = (bits & 1) == 0;
    rules.variance_encoded_in_target = (bits & 2) != 0;
    rules.center_size = (bits & 4) != 0;
    rules.clip_before_nms = (bits & 8) != 0;
    rules.clip_after_nms = (bits & 16) != 0;
    rules.normalized = (bits & 32) == 0;
    rules.decrease_label_id = (bits & 64) != 0;
    const bool anchors = (bits & 128) != 0;
    rules.objectness_score = 0.3;
    rules.input_width = 320, rules.input_height = 200;
    INFO("switches " << bits);
    const Scene scene =
        make_scene(rules, 2, 37, 5, bits % 3 == 0, anchors, static_cast<std::uint64_t>(bits) + 1);
    const auto y = check(rules, scene, bits % 2 == 0);
    CHECK(y.front() == 0);  // there is something to compare
  }
}

TEST_CASE("DetectionOutput over sizes and limits", "[detection]") {
  std::uint64_t seed = 1000;
  for (const std::int64_t classes : {2, 3, 16, 17, 21, 33})
    for (const std::int64_t priors : {1, 7, 300})
      for (const std::int64_t top : {-1, 1, 5, 100})
        for (const std::int64_t keep : {-1, 1, 10, 200}) {
          Rules rules = basic();
          rules.num_classes = seed % 2 == 0 ? classes : 0;
          rules.top_k = top;
          rules.keep_top_k = keep;
          rules.background_label_id = static_cast<std::int64_t>(seed % 3) - 1;
          rules.confidence_threshold = seed % 5 == 0 ? -3.4e38 : 0.6;
          INFO(classes << " classes, " << priors << " priors, top_k " << top << ", keep_top_k " << keep);
          check(rules, make_scene(rules, 1, priors, classes, false, false, ++seed), true);
        }
}

TEST_CASE("DetectionOutput ends a list of priors at the batch -1", "[detection]") {
  Rules rules = basic();
  rules.normalized = false;
  rules.variance_encoded_in_target = true;
  rules.input_width = rules.input_height = 100;
  Scene scene = make_scene(rules, 1, 30, 4, false, false, 7);
  scene.inputs[2].data[12 * 5] = -1;
  check(rules, scene, false);
  scene.inputs[2].data[0] = -1;
  const auto y = check(rules, scene, false);
  CHECK(y.front() == -1);
}

TEST_CASE("DetectionOutput with scores and boxes that are no numbers", "[detection]") {
  Rules rules = basic();
  Scene scene = make_scene(rules, 1, 40, 3, false, false, 9);
  for (std::size_t i = 0; i < scene.inputs[1].data.size(); i += 3)
    scene.inputs[1].data[i] = i % 2 == 0 ? NAN : INFINITY;
  for (std::size_t i = 0; i < scene.inputs[0].data.size(); i += 11) scene.inputs[0].data[i] = NAN;
  const auto y = run_everywhere(graph_of(rules, scene, true), fed(scene, true)).front();
  for (std::size_t row = 0; row < y.size() / 7 && y[row * 7] >= 0; ++row) CHECK(y[row * 7 + 2] > 0.3F);
}

TEST_CASE("rows of a DetectionOutput without keep_top_k", "[detection]") {
  Rules rules = basic();
  rules.keep_top_k = 0;
  const std::vector<Shape> shapes{{2, 40}, {2, 30}, {1, 2, 40}};
  CHECK(inferred("DetectionOutput", Attributes::of(rules), shapes) == Shape({1, 1, 2 * 20 * 3, 7}));
  rules.top_k = -1;
  CHECK(inferred("DetectionOutput", Attributes::of(rules), shapes) == Shape({1, 1, 2 * 10 * 3, 7}));
}

TEST_CASE("DetectionOutput refuses inputs that do not fit", "[detection]") {
  const std::vector<Shape> good{{1, 40}, {1, 30}, {1, 2, 40}};
  const auto refused = [&](const Rules& rules, const std::vector<Shape>& shapes) {
    CHECK_THROWS_AS(inferred("DetectionOutput", Attributes::of(rules), shapes), FormatError);
  };
  CHECK_NOTHROW(inferred("DetectionOutput", Attributes::of(basic()), good));
  refused(basic(), {{1, 40}, {1, 30}});
  refused(basic(), {{1, 40}, {1, 30}, {1, 2, 40}, {1, 20}});
  refused(basic(), {{1, 44}, {1, 30}, {1, 2, 40}});
  refused(basic(), {{1, 40}, {1, 31}, {1, 2, 40}});
  refused(basic(), {{1, 40}, {2, 15}, {1, 2, 40}});
  refused(basic(), {{1, 40}, {1, 30}, {1, 1, 40}});
  refused(basic(), {{1, 40}, {1, 30}, {2, 2, 40}});
  refused(basic(), {{1, 40}, {1, 30}, {1, 2, 41}});
  refused(basic(), {{1, 40}, {1, 30}, {1, 2, 40}, {1, 19}, {1, 40}});
  refused(basic(), {{1, 40}, {1, 30}, {1, 2, 40}, {1, 20}, {1, 39}});
  const auto with = [&](auto change) {
    Rules rules = basic();
    change(rules);
    refused(rules, good);
  };
  with([](Rules& r) { r.num_classes = 4; });
  with([](Rules& r) { r.background_label_id = 3; });
  with([](Rules& r) { r.decrease_label_id = true, r.background_label_id = 1; });
  with([](Rules& r) { r.normalized = false, r.input_width = 0; });
  with([](Rules& r) { r.share_location = false; });
}

TEST_CASE("DetectionOutput of large heads", "[.benchmark]") {
  for (const std::int64_t priors : {1917, 20000})
    for (const double threshold : {0.98, 0.5, -3.4e38}) {
      Rules rules = basic();
      rules.center_size = true;
      rules.confidence_threshold = threshold;
      rules.top_k = 400, rules.keep_top_k = 200;
      Scene scene = make_scene(rules, 1, priors, 91, false, false, 3);
      Random random(5);
      for (float& v : scene.inputs[1].data) v = static_cast<float>(std::pow(random.real(0, 1), 40));
      for (const int threads : {1, 2}) {
        Session session(Program::compile(graph_of(rules, scene, true), default_options()), threads);
        feed(session, fed(scene, true));
        double best = 1e9;
        for (int i = 0; i < 10; ++i) {
          const auto start = std::chrono::steady_clock::now();
          session.run();
          best =
              std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
        }
        std::cout << priors << " priors, threshold " << threshold << ", " << threads
                  << " threads: " << best * 1e3 << " ms\n";
      }
    }
}
