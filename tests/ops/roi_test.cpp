#include "engine/ops/roi.h"

#include <algorithm>
#include <cmath>

#include "tests/ops/network.h"

using namespace refcalib_test;

namespace {

/// Value of a map at a place inside, from the four neighbours.
double bilinear(const Tensor& x, std::int64_t n, std::int64_t c, double row, double column) {
  const auto r = static_cast<std::int64_t>(std::floor(row)),
             k = static_cast<std::int64_t>(std::floor(column));
  double sum = 0;
  for (std::int64_t i = 0; i < 2; ++i)
    for (std::int64_t j = 0; j < 2; ++j) {
      const double weight = (1 - std::fabs(row - static_cast<double>(r + i))) *
                            (1 - std::fabs(column - static_cast<double>(k + j)));
      if (weight > 0 && r + i < x.shape[2] && k + j < x.shape[3])
        sum += weight * double{value_at(x, {n, c, r + i, k + j})};
    }
  return sum;
}

/// Regions as rows of image and corners: some beyond the border, some turned over.
Tensor regions(std::int64_t count, float width, float height, std::uint64_t seed) {
  Random random(seed);
  Tensor t{{count, 5}, {}};
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = random.real(-0.2F, 0.9F), y = random.real(-0.2F, 0.9F);
    t.data.insert(t.data.end(),
                  {static_cast<float>(i % 2), x * width, y * height, (x + random.real(-0.1F, 0.7F)) * width,
                   (y + random.real(-0.1F, 0.7F)) * height});
  }
  return t;
}

double at(const Tensor& t, std::int64_t row, std::int64_t column) {
  return double{value_at(t, {row, column})};
}

std::vector<float> pooled(const char* op, const Attributes& attributes, const std::vector<Tensor>& inputs) {
  GraphBuilder b;
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    ids.push_back(b.input("x" + std::to_string(i), DType::f32, inputs[i].shape));
  b.output(b.add1(op, "y", attributes, ids));
  return run_everywhere(b.finish(), inputs).front();
}

std::int64_t bound(double v, std::int64_t limit) {
  return static_cast<std::int64_t>(std::clamp(v, 0.0, static_cast<double>(limit)));
}

}  // namespace

TEST_CASE("RoiPooling takes the maximum of every bin", "[detection]") {
  const Tensor x = random_tensor({2, 3, 11, 14}, 1);
  const Tensor rois = regions(17, 28, 22, 2);
  for (const std::int64_t size : {1, 3, 7}) {
    const RoiPoolingAttributes a{size, size + 1, 0.5, false};
    const Tensor y = generate({17, 3, size, size + 1}, [&](const Index& i) {
      const auto pixel = [&](std::int64_t k) { return std::round(at(rois, i[0], k) * 0.5); };
      const double w = std::max(pixel(3) - pixel(1) + 1, 1.0), h = std::max(pixel(4) - pixel(2) + 1, 1.0);
      const double bin_h = h / static_cast<double>(size), bin_w = w / static_cast<double>(size + 1);
      const auto row = static_cast<double>(i[2]), column = static_cast<double>(i[3]);
      double best = -1e9;
      for (std::int64_t r = bound(std::floor(row * bin_h + 1e-9) + pixel(2), 11);
           r < bound(std::ceil((row + 1) * bin_h - 1e-9) + pixel(2), 11); ++r)
        for (std::int64_t c = bound(std::floor(column * bin_w + 1e-9) + pixel(1), 14);
             c < bound(std::ceil((column + 1) * bin_w - 1e-9) + pixel(1), 14); ++c)
          best = std::max(best, double{value_at(x, {i[0] % 2, i[1], r, c})});
      return best == -1e9 ? 0 : best;
    });
    INFO("bins " << size);
    CHECK(pooled("RoiPooling", Attributes::of(a), {x, rois}) == y.data);
  }
}

TEST_CASE("RoiPooling by bilinear samples", "[detection]") {
  const Tensor x = random_tensor({2, 3, 11, 14}, 1);
  const Tensor rois = regions(17, 1, 1, 2);
  for (const std::int64_t size : {1, 4}) {
    const RoiPoolingAttributes a{size, size, 1, true};
    const Tensor y = generate({17, 3, size, size}, [&](const Index& i) {
      const auto place = [&](std::int64_t bin, double first, double last, double extent) {
        if (size == 1) return (first + last) / 2 * extent;
        return (first + (last - first) * static_cast<double>(bin) / static_cast<double>(size - 1)) * extent;
      };
      const double r = place(i[2], at(rois, i[0], 2), at(rois, i[0], 4), 10);
      const double c = place(i[3], at(rois, i[0], 1), at(rois, i[0], 3), 13);
      return r < 0 || r > 10 || c < 0 || c > 13 ? 0 : bilinear(x, i[0] % 2, i[1], r, c);
    });
    CHECK(deviation(pooled("RoiPooling", Attributes::of(a), {x, rois}), y.data) < 1e-5);
  }
}

TEST_CASE("pooling of regions ends at the image -1 and skips images that do not exist", "[detection]") {
  const Tensor x = random_tensor({2, 4, 6, 6}, 1, 1, 2);
  const Tensor rois{{4, 5}, {7, 0, 0, 5, 5, 1, 0, 0, 5, 5, -1, 0, 0, 5, 5, 0, 0, 0, 5, 5}};
  for (const bool position : {false, true}) {
    const auto y =
        position
            ? pooled("PsRoiPooling", Attributes::of(PsRoiPoolingAttributes{4, 1, 1, 1, 1, false}), {x, rois})
            : pooled("RoiPooling", Attributes::of(RoiPoolingAttributes{1, 1, 1, false}), {x, rois});
    REQUIRE(y.size() == 16);
    for (std::size_t i = 0; i < 16; ++i) CHECK((y[i] != 0) == (i / 4 == 1));
  }
}

TEST_CASE("PsRoiPooling averages channels of its own in every bin", "[detection]") {
  for (const std::int64_t group : {1, 3}) {
    const std::int64_t dim = 2;
    const Tensor x = random_tensor({2, dim * group * group, 11, 14}, 1);
    const Tensor rois = regions(17, 28, 22, 3);
    const PsRoiPoolingAttributes a{dim, group, 1, 1, 0.5, false};
    const Tensor y = generate({17, dim, group, group}, [&](const Index& i) {
      const double left = std::round(at(rois, i[0], 1)) * 0.5, top = std::round(at(rois, i[0], 2)) * 0.5;
      const double w =
          std::max((std::round(at(rois, i[0], 3)) + 1) * 0.5 - left, 0.1) / static_cast<double>(group);
      const double h =
          std::max((std::round(at(rois, i[0], 4)) + 1) * 0.5 - top, 0.1) / static_cast<double>(group);
      const auto row = static_cast<double>(i[2]), column = static_cast<double>(i[3]);
      double sum = 0, count = 0;
      for (std::int64_t r = bound(std::floor(row * h + top + 1e-6), 11);
           r < bound(std::ceil((row + 1) * h + top - 1e-6), 11); ++r)
        for (std::int64_t c = bound(std::floor(column * w + left + 1e-6), 14);
             c < bound(std::ceil((column + 1) * w + left - 1e-6), 14); ++c, ++count)
          sum += double{value_at(x, {i[0] % 2, (i[1] * group + i[2]) * group + i[3], r, c})};
      return count == 0 ? 0 : sum / count;
    });
    CHECK(deviation(pooled("PsRoiPooling", Attributes::of(a), {x, rois}), y.data) < 1e-5);
  }
}

TEST_CASE("PsRoiPooling by bilinear samples of parts", "[detection]") {
  for (const std::int64_t group : {1, 3}) {
    const std::int64_t dim = 2, bins_x = 3, bins_y = 2;
    const Tensor x = random_tensor({2, dim * bins_x * bins_y, 11, 14}, 1);
    const Tensor rois = regions(17, 2, 2, 3);
    const PsRoiPoolingAttributes a{dim, group, bins_x, bins_y, 0.5, true};
    const Tensor y = generate({17, dim, group, group}, [&](const Index& i) {
      double sum = 0;
      for (std::int64_t by = 0; by < bins_y; ++by)
        for (std::int64_t bx = 0; bx < bins_x; ++bx) {
          const auto place = [&](std::int64_t bin, std::int64_t part, std::int64_t parts, std::int64_t first,
                                 double extent) {
            const double low = at(rois, i[0], first) * 0.5, high = at(rois, i[0], first + 2) * 0.5;
            const double length = (high - low) / static_cast<double>(parts);
            const double start = low + static_cast<double>(part) * length;
            const double share = group == 1 ? 0.5 : static_cast<double>(bin) / static_cast<double>(group - 1);
            return (start + share * length) * extent;
          };
          const double r = place(i[2], by, bins_y, 2, 10), c = place(i[3], bx, bins_x, 1, 13);
          if (r >= 0 && r <= 10 && c >= 0 && c <= 13)
            sum += bilinear(x, i[0] % 2, (by * bins_x + bx) * dim + i[1], r, c);
        }
      return sum / 6;
    });
    CHECK(deviation(pooled("PsRoiPooling", Attributes::of(a), {x, rois}), y.data) < 1e-5);
  }
}

TEST_CASE("RoiAlign over modes and sampling", "[detection]") {
  const Tensor x = random_tensor({2, 3, 11, 14}, 1);
  const Tensor rows = regions(13, 28, 22, 5);
  Tensor rois{{13, 4}, {}}, images{{13}, {}};
  for (std::int64_t i = 0; i < 13; ++i) {
    images.data.push_back(static_cast<float>(i % 2));
    for (std::int64_t k = 1; k < 5; ++k) rois.data.push_back(value_at(rows, {i, k}));
  }
  for (const char* mode : {"asymmetric", "half_pixel_for_nn", "half_pixel"})
    for (const bool max : {false, true})
      for (const std::int64_t sampling : {0, 1, 3}) {
        const RoiAlignAttributes a{3, 2, sampling, 0.5, max, mode};
        const Tensor y = generate({13, 3, 3, 2}, [&](const Index& i) {
          const bool aligned = std::string(mode) != "asymmetric", whole = std::string(mode) == "half_pixel";
          const auto side = [&](std::int64_t k) {
            return (at(rois, i[0], k) + (whole ? 0.5 : 0)) * 0.5 - (aligned ? 0.5 : 0);
          };
          double w = side(2) - side(0), h = side(3) - side(1);
          if (!aligned) w = std::max(w, 1.0), h = std::max(h, 1.0);
          const double bin_w = w / 2, bin_h = h / 3;
          const double nx = sampling > 0 ? static_cast<double>(sampling) : std::max(std::ceil(bin_w), 1.0);
          const double ny = sampling > 0 ? static_cast<double>(sampling) : std::max(std::ceil(bin_h), 1.0);
          double sum = 0, best = -1e9;
          for (double sy = 0; sy < ny; ++sy)
            for (double sx = 0; sx < nx; ++sx) {
              const double r = side(1) + static_cast<double>(i[2]) * bin_h + (sy + 0.5) * bin_h / ny;
              const double c = side(0) + static_cast<double>(i[3]) * bin_w + (sx + 0.5) * bin_w / nx;
              double v = 0;
              if (r >= -1 && r <= 11 && c >= -1 && c <= 14)
                v = bilinear(x, i[0] % 2, i[1], std::clamp(r, 0.0, 10.0), std::clamp(c, 0.0, 13.0));
              sum += v;
              best = std::max(best, v);
            }
          return max ? best : sum / (nx * ny);
        });
        INFO(mode << ", max " << max << ", sampling " << sampling);
        CHECK(deviation(pooled("RoiAlign", Attributes::of(a), {x, rois, images}), y.data) < 2e-5);
      }
}

TEST_CASE("regions of any size and no numbers at all", "[detection]") {
  const Tensor x = random_tensor({1, 4, 6, 6}, 1);
  const Tensor rois{{3, 5}, {0, -1e30F, -1e30F, 1e30F, 1e30F, 0, NAN, 0, 3, NAN, NAN, 0, 0, 1, 1}};
  CHECK(pooled("RoiPooling", Attributes::of(RoiPoolingAttributes{2, 2, 1, false}), {x, rois}).size() == 48);
  CHECK(pooled("RoiPooling", Attributes::of(RoiPoolingAttributes{2, 2, 1, true}), {x, rois}).size() == 48);
  CHECK(pooled("PsRoiPooling", Attributes::of(PsRoiPoolingAttributes{1, 2, 1, 1, 1, false}), {x, rois})
            .size() == 12);
  CHECK(
      pooled("PsRoiPooling", Attributes::of(PsRoiPoolingAttributes{1, 2, 2, 2, 1, true}), {x, rois}).size() ==
      12);
  const Tensor corners{{2, 4}, {-1e30F, -1e30F, 1e30F, 1e30F, NAN, 0, 3, NAN}}, images{{2}, {0, NAN}};
  CHECK(pooled("RoiAlign", Attributes::of(RoiAlignAttributes{1, 1, 0, 1, false, "half_pixel"}),
               {x, corners, images})
            .size() == 8);
}

TEST_CASE("pooling of regions refuses what does not fit", "[detection]") {
  const auto refused = [](const char* op, const Attributes& a, const std::vector<Shape>& shapes) {
    CHECK_THROWS_AS(inferred(op, a, shapes), FormatError);
  };
  const Shape x{1, 4, 6, 6};
  const RoiPoolingAttributes roi{2, 2, 1, false};
  refused("RoiPooling", Attributes::of(roi), {{4, 6, 6}, {3, 5}});
  refused("RoiPooling", Attributes::of(roi), {x, {3, 4}});
  refused("RoiPooling", Attributes::of(RoiPoolingAttributes{0, 2, 1, false}), {x, {3, 5}});
  refused("RoiPooling", Attributes::of(RoiPoolingAttributes{2, 1 << 20, 1, false}), {x, {3, 5}});
  refused("PsRoiPooling", Attributes::of(PsRoiPoolingAttributes{2, 2, 1, 1, 1, false}), {x, {3, 5}});
  refused("PsRoiPooling", Attributes::of(PsRoiPoolingAttributes{2, 2, 1, 1, 1, true}), {x, {3, 5}});
  refused("PsRoiPooling", Attributes::of(PsRoiPoolingAttributes{0, 2, 1, 1, 1, false}), {x, {3, 5}});
  const RoiAlignAttributes align{2, 2, 2, 1, false, "asymmetric"};
  refused("RoiAlign", Attributes::of(align), {x, {3, 5}, {3}});
  refused("RoiAlign", Attributes::of(align), {x, {3, 4}, {2}});
  refused("RoiAlign", Attributes::of(RoiAlignAttributes{2, 2, -1, 1, false, "asymmetric"}), {x, {3, 4}, {3}});
  CHECK_THROWS_AS(
      inferred("RoiAlign", Attributes::of(RoiAlignAttributes{2, 2, 1, 1, false, "other"}), {x, {3, 4}, {3}}),
      UnsupportedError);
}
