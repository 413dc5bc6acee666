#include "engine/ops/proposal.h"

#include <algorithm>
#include <cmath>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

struct Region {
  double x1, y1, x2, y2, score;
};

/// Written from the description of the layer, in doubles, one image.
std::vector<Region> reference(const ProposalAttributes& a, const Tensor& scores, const Tensor& deltas,
                              const std::vector<float>& info, std::int64_t n) {
  const bool tf = a.tensorflow;
  const double extent = tf ? 0 : 1, base = static_cast<double>(a.base_size);
  const auto number = [&](std::size_t i) {
    return a.simpler_nms ? static_cast<double>(static_cast<int>(info[i])) : double{info[i]};
  };
  const double image_h = number(tf ? 1 : 0), image_w = number(tf ? 0 : 1);
  const double least_h = static_cast<double>(a.min_size) * number(2);
  const double least_w = static_cast<double>(a.min_size) * number(info.size() == 4 ? 3 : 2);
  const auto anchors = static_cast<std::int64_t>(a.ratio.size() * a.scale.size());
  std::vector<Region> all;
  for (std::int64_t h = 0; h < scores.shape[2]; ++h)
    for (std::int64_t w = 0; w < scores.shape[3]; ++w)
      for (std::int64_t k = 0; k < anchors; ++k) {
        const double ratio = double{a.ratio[static_cast<std::size_t>(k) / a.scale.size()]};
        const double scale = double{a.scale[static_cast<std::size_t>(k) % a.scale.size()]};
        double aw = std::sqrt(base * base / ratio), ah = aw * ratio;
        if (!tf) aw = std::round(aw), ah = std::round(aw * ratio);
        const double stride = static_cast<double>(a.feat_stride);
        const double cx = static_cast<double>(tf ? h : w) * stride + (tf ? 0 : (base - 1) / 2);
        const double cy = static_cast<double>(tf ? w : h) * stride + (tf ? 0 : (base - 1) / 2);
        const double hw = (aw * scale - extent) / 2, hh = (ah * scale - extent) / 2;
        double x1 = cx - hw, y1 = cy - hh, x2 = cx + hw, y2 = cy + hh;
        const auto clip = [&](double border) {
          x1 = std::clamp(x1, 0.0, image_w - border), x2 = std::clamp(x2, 0.0, image_w - border);
          y1 = std::clamp(y1, 0.0, image_h - border), y2 = std::clamp(y2, 0.0, image_h - border);
        };
        if (tf) clip(0);
        const double width = x2 - x1 + extent, height = y2 - y1 + extent;
        double d[4];
        for (std::int64_t i = 0; i < 4; ++i)
          d[i] = double{value_at(deltas, {n, k * 4 + i, h, w})} /
                 (i < 2 ? a.box_coordinate_scale : a.box_size_scale);
        const double x = d[0] * width + x1 + width / 2, y = d[1] * height + y1 + height / 2;
        const double pw = std::exp(d[2]) * width, ph = std::exp(d[3]) * height;
        x1 = x - pw / 2, x2 = x + pw / 2, y1 = y - ph / 2, y2 = y + ph / 2;
        if (a.clip_before_nms) clip(extent);
        const bool large = x2 - x1 + extent >= least_w && y2 - y1 + extent >= least_h;
        if (a.simpler_nms && !large) continue;
        all.push_back({x1, y1, x2, y2, large ? double{value_at(scores, {n, anchors + k, h, w})} : 0});
      }
  if (a.simpler_nms) std::reverse(all.begin(), all.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const Region& p, const Region& q) { return p.score > q.score; });
  if (std::ssize(all) > a.pre_nms_topn) all.resize(static_cast<std::size_t>(a.pre_nms_topn));
  const auto area = [&](const Region& r) { return (r.x2 - r.x1 + extent) * (r.y2 - r.y1 + extent); };
  std::vector<Region> kept;
  for (const Region& r : all) {
    if (a.simpler_nms && r.score <= 0) break;
    const bool dead = std::any_of(kept.begin(), kept.end(), [&](const Region& k) {
      const double w = std::min(r.x2, k.x2) - std::max(r.x1, k.x1) + extent;
      const double h = std::min(r.y2, k.y2) - std::max(r.y1, k.y1) + extent;
      return w > 0 && h > 0 && w * h / (area(r) + area(k) - w * h) > a.nms_thresh;
    });
    if (!dead && std::ssize(kept) < a.post_nms_topn) kept.push_back(r);
  }
  for (Region& r : kept) {
    if (a.clip_after_nms) {
      r.x1 = std::clamp(r.x1, 0.0, image_w), r.x2 = std::clamp(r.x2, 0.0, image_w);
      r.y1 = std::clamp(r.y1, 0.0, image_h), r.y2 = std::clamp(r.y2, 0.0, image_h);
    }
    if (a.normalize) r.x1 /= image_w, r.x2 /= image_w, r.y1 /= image_h, r.y2 /= image_h;
  }
  return kept;
}

ProposalAttributes basic() {
  ProposalAttributes a;
  a.base_size = 8, a.min_size = 6, a.feat_stride = 8, a.pre_nms_topn = 60, a.post_nms_topn = 20;
  a.nms_thresh = 0.5;
  a.ratio = {0.5F, 1, 2}, a.scale = {1, 2.5F};
  return a;
}

}  // namespace

TEST_CASE("Proposal over its switches", "[detection]") {
  for (int bits = 0; bits < 80; ++bits) {  // from 64 on as SimplerNMS
    ProposalAttributes a = basic();
    a.simpler_nms = bits >= 64;
    a.tensorflow = (bits & 1) != 0;
    a.clip_before_nms = (bits & 2) == 0;
    a.clip_after_nms = (bits & 4) != 0;
    a.normalize = (bits & 8) != 0;
    a.scores = (bits & 16) != 0;
    if ((bits & 32) != 0)
      a.box_coordinate_scale = 10, a.box_size_scale = 5, a.post_nms_topn = 50, a.nms_thresh = 0.2;
    const std::vector<float> info =
        bits % 3 == 0 ? std::vector<float>{50, 70, 1.5F, 2} : std::vector<float>{50, 70, 1.5F};
    const std::int64_t batch = bits % 2 + 1;
    const auto seed = static_cast<std::uint64_t>(bits);
    Tensor scores = random_tensor({batch, 12, 6, 8}, seed + 1, a.simpler_nms ? -1 : 0, 1);
    if (a.simpler_nms)  // many are equal
      for (float& score : scores.data) score = std::round(score * 8) / 8;
    const Tensor deltas = random_tensor({batch, 24, 6, 8}, seed + 2, -0.5F, 0.5F);
    GraphBuilder b;
    const ValueId s = b.input("scores", DType::f32, scores.shape),
                  d = b.input("deltas", DType::f32, deltas.shape);
    const ValueId i = b.constant("info", Constant::f32({1, static_cast<std::int64_t>(info.size())}, info));
    const auto outputs = b.add("Proposal", "y", Attributes::of(a), {s, d, i}, a.scores ? 2 : 1);
    for (const ValueId id : outputs) b.output(id);
    const Outputs y = run_everywhere(b.finish(), {scores, deltas});
    std::vector<float> regions, probabilities;
    for (std::int64_t n = 0; n < batch; ++n) {
      const std::vector<Region> kept = reference(a, scores, deltas, info, n);
      for (const Region& r : kept) {
        for (const double v : {static_cast<double>(n), r.x1, r.y1, r.x2, r.y2})
          regions.push_back(static_cast<float>(v));
        probabilities.push_back(static_cast<float>(r.score));
      }
      const auto rows = static_cast<std::size_t>((n + 1) * a.post_nms_topn);
      if (probabilities.size() < rows) regions.push_back(-1);
      regions.resize(rows * 5, 0.0F);
      probabilities.resize(rows, 0.0F);
    }
    INFO("switches " << bits);
    CHECK(deviation(y[0], regions) < 2e-5);
    if (a.scores) CHECK(deviation(y[1], probabilities) < 1e-6);
  }
}

TEST_CASE("Proposal with scores that are no numbers", "[detection]") {
  const ProposalAttributes a = basic();
  Tensor scores = random_tensor({1, 12, 6, 8}, 1, 0, 1), deltas = random_tensor({1, 24, 6, 8}, 2, -1, 1);
  for (std::size_t i = 0; i < scores.data.size(); i += 2) scores.data[i] = NAN;
  for (std::size_t i = 0; i < deltas.data.size(); i += 5) deltas.data[i] = i % 2 == 0 ? NAN : INFINITY;
  GraphBuilder b;
  const ValueId s = b.input("scores", DType::f32, scores.shape),
                d = b.input("deltas", DType::f32, deltas.shape);
  b.output(
      b.add1("Proposal", "y", Attributes::of(a), {s, d, b.constant("i", Constant::f32({3}, {50, 70, 1}))}));
  const Graph graph = b.finish();
  const auto y = run(graph, {scores, deltas}, options_for(Isa::scalar)).front();
  CHECK(y.size() == 100);
  CHECK(y.front() == 0);
}

TEST_CASE("Proposal refuses inputs that do not fit", "[detection]") {
  const auto refused = [](const ProposalAttributes& a, const Shape& scores, const Shape& deltas,
                          const Shape& info) {
    CHECK_THROWS_AS(inferred("Proposal", Attributes::of(a), {scores, deltas, info}), FormatError);
  };
  const Shape scores{1, 12, 6, 8}, deltas{1, 24, 6, 8};
  CHECK(inferred("Proposal", Attributes::of(basic()), {scores, deltas, {1, 3}}) == Shape({20, 5}));
  refused(basic(), {1, 11, 6, 8}, deltas, {3});
  refused(basic(), scores, {1, 24, 8, 6}, {3});
  refused(basic(), scores, deltas, {5});
  const auto with = [&](auto change) {
    ProposalAttributes a = basic();
    change(a);
    refused(a, scores, deltas, {3});
  };
  with([](auto& a) { a.ratio.clear(); });
  with([](auto& a) { a.ratio = {0, 1, 2}; });
  with([](auto& a) { a.scale = {-1, 1}; });
  with([](auto& a) {  // more pairs than could be listed
    a.ratio.assign(100'000, 1.0F);
    a.scale.assign(100'000, 1.0F);
  });
  with([](auto& a) { a.post_nms_topn = 0; });
  with([](auto& a) { a.pre_nms_topn = std::int64_t{1} << 40; });
  with([](auto& a) { a.feat_stride = 0; });
  with([](auto& a) { a.min_size = -1; });
  with([](auto& a) { a.box_size_scale = 0; });
}
