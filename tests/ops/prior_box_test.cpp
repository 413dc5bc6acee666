#include "engine/ops/prior_box.h"

#include <cmath>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

Constant pair(std::int64_t height, std::int64_t width) {
  return Constant::i64_vector({height, width});
}

/// Written from the description of the layer: box by box, in doubles.
std::vector<float> reference(const PriorBoxAttributes& a, std::int64_t rows, std::int64_t columns,
                             std::int64_t height, std::int64_t width) {
  std::vector<double> ratios{1};
  for (const float listed : a.aspect_ratio) {
    const double ratio = static_cast<double>(listed);
    bool known = false;
    for (const double r : ratios) known = known || std::fabs(r - ratio) < 1e-6;
    if (known) continue;
    ratios.push_back(ratio);
    if (a.flip) ratios.push_back(1 / ratio);
  }
  std::vector<float> out;
  for (std::int64_t h = 0; h < rows; ++h)
    for (std::int64_t w = 0; w < columns; ++w) {
      double cx = (static_cast<double>(w) + a.offset) * a.step,
             cy = (static_cast<double>(h) + a.offset) * a.step;
      if (a.step == 0) {
        cx = (static_cast<double>(w) + 0.5) * static_cast<double>(width) / static_cast<double>(columns);
        cy = (static_cast<double>(h) + 0.5) * static_cast<double>(height) / static_cast<double>(rows);
      }
      const auto box = [&](double x, double y, double box_width, double box_height, bool inside) {
        double sides[4] = {(x - box_width / 2) / static_cast<double>(width),
                           (y - box_height / 2) / static_cast<double>(height),
                           (x + box_width / 2) / static_cast<double>(width),
                           (y + box_height / 2) / static_cast<double>(height)};
        for (int i = 0; i < 4; ++i) {
          if (a.clip || (inside && i < 2)) sides[i] = std::fmax(sides[i], 0);
          if (a.clip || (inside && i >= 2)) sides[i] = std::fmin(sides[i], 1);
          out.push_back(static_cast<float>(sides[i]));
        }
      };
      for (std::size_t s = 0; s < a.fixed_size.size(); ++s) {
        const double size = static_cast<double>(a.fixed_size[s]);
        const int density = a.density.empty() ? 1 : static_cast<int>(a.density[s]);
        const int shift = static_cast<int>(size) / density, half = static_cast<int>(size) / 2;
        std::vector<double> fixed = ratios;
        if (!a.fixed_ratio.empty()) fixed.assign(a.fixed_ratio.begin(), a.fixed_ratio.end());
        for (const double ratio : fixed)
          for (int r = 0; r < density; ++r)
            for (int c = 0; c < density; ++c)
              box(cx - half + shift / 2.0 + c * shift, cy - half + shift / 2.0 + r * shift,
                  size * std::sqrt(ratio), size / std::sqrt(ratio), true);
      }
      for (std::size_t m = 0; m < a.min_size.size(); ++m) {
        const double size = static_cast<double>(a.min_size[m]);
        const auto largest = [&] {
          if (m >= a.max_size.size()) return;
          const double root = std::sqrt(size * static_cast<double>(a.max_size[m]));
          box(cx, cy, root, root, false);
        };
        box(cx, cy, size, size, false);
        if (a.min_max_aspect_ratios_order) largest();
        const double of = static_cast<double>(a.min_size[a.scale_all_sizes ? m : 0]);
        for (std::size_t i = 1; i < ratios.size(); ++i)
          if (a.scale_all_sizes || m + 1 == a.min_size.size())
            box(cx, cy, of * std::sqrt(ratios[i]), of / std::sqrt(ratios[i]), false);
        if (!a.min_max_aspect_ratios_order) largest();
      }
    }
  const std::size_t half = out.size();
  for (std::size_t i = 0; i < half; ++i)
    out.push_back(a.variance.size() == 4 ? a.variance[i % 4] : a.variance.size() == 1 ? a.variance[0] : 0.1F);
  return out;
}

}  // namespace

TEST_CASE("PriorBox folds to the boxes of every cell", "[detection]") {
  std::vector<PriorBoxAttributes> cases;
  for (int bits = 0; bits < 64; ++bits) {
    PriorBoxAttributes a;
    a.min_size = {30, 60, 100};
    if ((bits & 1) != 0) a.max_size = {60, 90};
    a.aspect_ratio = {2, 1, 3, 2};
    a.flip = (bits & 2) != 0;
    a.clip = (bits & 4) != 0;
    a.scale_all_sizes = (bits & 8) == 0;
    a.min_max_aspect_ratios_order = (bits & 16) == 0;
    a.step = (bits & 32) != 0 ? 13.5 : 0;
    a.offset = 0.25;
    if (bits % 3 == 1) a.variance = {0.3F};
    if (bits % 3 == 2) a.variance = {0.1F, 0.2F, 0.3F, 0.4F};
    cases.push_back(a);
  }
  for (const std::vector<float>& ratio : {std::vector<float>{}, {1}, {1, 2}})
    for (const std::vector<float>& density : {std::vector<float>{}, {1, 2}, {4, 3}}) {
      PriorBoxAttributes a;
      a.fixed_size = {33, 16};
      a.fixed_ratio = ratio;
      a.density = density;
      a.aspect_ratio = {0.5F};
      cases.push_back(a);
    }
  for (const PriorBoxAttributes& a : cases) {
    const Constant y = folded("PriorBox", Attributes::of(a), {pair(3, 5), pair(60, 90)});
    const std::vector<float> expected = reference(a, 3, 5, 60, 90);
    CHECK(y.shape() == Shape({2, static_cast<std::int64_t>(expected.size()) / 2}));
    CHECK(deviation(y.to_floats(), expected) < 1e-6);
  }
}

TEST_CASE("PriorBoxClustered folds to the boxes of every cell", "[detection]") {
  for (int bits = 0; bits < 8; ++bits) {
    PriorBoxClusteredAttributes a;
    a.width = {9.4F, 25.1F, 120}, a.height = {15, 39.6F, 80};
    a.clip = (bits & 1) != 0;
    if ((bits & 2) != 0) a.step_w = 16, a.step_h = 8;
    if ((bits & 4) != 0) a.img_w = 200, a.img_h = 100;
    a.offset = 0.25;
    const Constant y = folded("PriorBoxClustered", Attributes::of(a), {pair(4, 3), pair(60, 90)});
    const double img_w = a.img_w != 0 ? a.img_w : 90, img_h = a.img_h != 0 ? a.img_h : 60;
    const double step_w = a.step_w != 0 ? a.step_w : img_w / 3, step_h = a.step_h != 0 ? a.step_h : img_h / 4;
    std::vector<float> expected;
    for (int h = 0; h < 4; ++h)
      for (int w = 0; w < 3; ++w)
        for (std::size_t s = 0; s < 3; ++s) {
          const double cx = (w + 0.25) * step_w, cy = (h + 0.25) * step_h;
          const double bw = static_cast<double>(a.width[s]), bh = static_cast<double>(a.height[s]);
          for (const double v :
               {(cx - bw / 2) / img_w, (cy - bh / 2) / img_h, (cx + bw / 2) / img_w, (cy + bh / 2) / img_h})
            expected.push_back(static_cast<float>(a.clip ? std::fmin(std::fmax(v, 0), 1) : v));
        }
    expected.resize(expected.size() * 2, 0.1F);
    CHECK(y.shape() == Shape({2, 4 * 3 * 3 * 4}));
    CHECK(deviation(y.to_floats(), expected) < 1e-6);
  }
}

TEST_CASE("prior boxes refuse lists that make no sense", "[detection]") {
  const auto refused = [](auto change) {
    PriorBoxAttributes a;
    a.min_size = {10};
    change(a);
    CHECK_THROWS_AS(folded("PriorBox", Attributes::of(a), {pair(2, 2), pair(9, 9)}), FormatError);
  };
  refused([](auto& a) { a.min_size.clear(); });
  refused([](auto& a) { a.min_size = {-1}; });
  refused([](auto& a) { a.min_size = {NAN}; });
  refused([](auto& a) { a.max_size = {1, 2}; });
  refused([](auto& a) { a.aspect_ratio = {0}; });
  refused([](auto& a) {
    for (int i = 0; i < 5000; ++i) a.aspect_ratio.push_back(1 + static_cast<float>(i));
  });
  refused([](auto& a) { a.variance = {0.1F, 0.2F}; });
  refused([](auto& a) { a.fixed_size = {4}, a.density = {1, 2}; });
  refused([](auto& a) { a.fixed_size = {4}, a.density = {0}; });
  refused([](auto& a) { a.fixed_size = {4}, a.density = {1e9F}; });
  refused([](auto& a) { a.fixed_size = {4}, a.fixed_ratio = {-1}; });
  const auto sizes = [](const Constant& grid, const Constant& image) {
    PriorBoxAttributes a;
    a.min_size = {10};
    CHECK_THROWS_AS(folded("PriorBox", Attributes::of(a), {grid, image}), FormatError);
  };
  sizes(pair(0, 2), pair(9, 9));
  sizes(pair(2, 2), pair(-1, 9));
  sizes(Constant::i64_vector({2}), pair(9, 9));
  sizes(pair(1 << 20, 1 << 20), pair(9, 9));
  PriorBoxClusteredAttributes clustered;
  clustered.width = {1, 2}, clustered.height = {1};
  CHECK_THROWS_AS(folded("PriorBoxClustered", Attributes::of(clustered), {pair(2, 2), pair(9, 9)}),
                  FormatError);
}
