#include "engine/ops/prior_box.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/ops/boxes.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

/// Ratios within this distance are the same.
constexpr float kSameRatio = 1e-6F;
/// A guard against damaged files: no detector has grids of more boxes.
constexpr std::int64_t kMostBoxes = std::int64_t{1} << 22;
/// Each ratio is compared with all others.
constexpr std::size_t kMostRatios = 4096;

/// A box of the pattern that every cell repeats: centre relative to the cell's, half sizes, in pixels.
struct Pattern {
  float dx = 0, dy = 0, half_width = 0, half_height = 0;
  bool held_inside = false;  ///< minimum not below 0, maximum not above 1, whatever `clip` says
};

bool is_one(float ratio) {
  return std::fabs(ratio - 1.0F) < kSameRatio;
}

/// 1 first, then the listed ratios that are new, each followed by its inverse if flipped.
std::vector<float> distinct_ratios(const PriorBoxAttributes& a) {
  require(a.aspect_ratio.size() <= kMostRatios, "has too many aspect ratios");
  std::vector<float> ratios{1.0F};
  for (const float ratio : a.aspect_ratio) {
    require(std::isfinite(ratio) && ratio > 0, "an aspect ratio is not positive");
    const auto same = [&](float known) { return std::fabs(ratio - known) < kSameRatio; };
    if (std::any_of(ratios.begin(), ratios.end(), same)) continue;
    ratios.push_back(ratio);
    if (a.flip) ratios.push_back(1.0F / ratio);
  }
  return ratios;
}

void check_sizes(const std::vector<float>& sizes, const char* what) {
  for (const float size : sizes)
    require(std::isfinite(size) && size > 0, std::string(what) + " has a value that is not positive");
}

/// Boxes of one fixed size and ratio on a grid of density x density centres.
void add_grid(std::vector<Pattern>& out, float size, std::int64_t density, float ratio) {
  const float root = std::sqrt(ratio);
  const auto shift = static_cast<float>(std::floor(size / static_cast<float>(density)));
  const float corner = shift / 2.0F - std::floor(std::floor(size) / 2.0F);
  require(density * density <= kMostBoxes - static_cast<std::int64_t>(out.size()), "has too many boxes");
  for (std::int64_t r = 0; r < density; ++r)
    for (std::int64_t c = 0; c < density; ++c)
      out.push_back({corner + static_cast<float>(c) * shift, corner + static_cast<float>(r) * shift,
                     size * 0.5F * root, size * 0.5F / root, true});
}

void add_fixed(std::vector<Pattern>& out, const PriorBoxAttributes& a, const std::vector<float>& ratios) {
  for (std::size_t s = 0; s < a.fixed_size.size(); ++s) {
    const float listed = a.density.empty() ? 1.0F : a.density[s];
    require(listed >= 1.0F && listed <= 1024.0F, "a density is not between 1 and 1024");
    const auto density = static_cast<std::int64_t>(listed);
    for (const float ratio : a.fixed_ratio.empty() ? ratios : a.fixed_ratio) {
      require(std::isfinite(ratio) && ratio > 0, "a fixed ratio is not positive");
      add_grid(out, a.fixed_size[s], density, ratio);
    }
  }
}

void add_sized(std::vector<Pattern>& out, const PriorBoxAttributes& a, const std::vector<float>& ratios) {
  for (std::size_t m = 0; m < a.min_size.size(); ++m) {
    const auto square = [&](float size) { out.push_back({0, 0, size * 0.5F, size * 0.5F, false}); };
    const auto largest = [&] {
      if (m < a.max_size.size()) square(std::sqrt(a.min_size[m] * a.max_size[m]));
    };
    square(a.min_size[m]);
    if (a.min_max_aspect_ratios_order) largest();
    if (a.scale_all_sizes || m + 1 == a.min_size.size()) {
      const float size = a.min_size[a.scale_all_sizes ? m : 0];
      for (const float ratio : ratios) {
        if (is_one(ratio)) continue;
        const float root = std::sqrt(ratio);
        out.push_back({0, 0, size * 0.5F * root, size * 0.5F / root, false});
      }
    }
    if (!a.min_max_aspect_ratios_order) largest();
  }
}

std::vector<Pattern> pattern_of(const PriorBoxAttributes& a) {
  check_sizes(a.min_size, "min_size");
  check_sizes(a.max_size, "max_size");
  check_sizes(a.fixed_size, "fixed_size");
  require(a.max_size.size() <= a.min_size.size(), "has more max sizes than min sizes");
  require(a.density.empty() || a.density.size() == a.fixed_size.size(),
          "has different numbers of densities and fixed sizes");
  const std::vector<float> ratios = distinct_ratios(a);
  require(a.min_size.size() * ratios.size() <= static_cast<std::size_t>(kMostBoxes), "has too many boxes");
  std::vector<Pattern> boxes;
  add_fixed(boxes, a, ratios);
  add_sized(boxes, a, ratios);
  require(!boxes.empty(), "has no min_size and no fixed_size");
  return boxes;
}

std::vector<float> four_variances(const std::vector<float>& listed) {
  require(listed.empty() || listed.size() == 1 || listed.size() == 4,
          "has " + std::to_string(listed.size()) + " variances, expected 1 or 4");
  if (listed.size() == 4) return listed;
  return std::vector<float>(4, listed.empty() ? 0.1F : listed.front());
}

/// Height and width of an input of two numbers.
struct Size {
  std::int64_t height = 0, width = 0;
};
Size size_of_input(const OpInputs& in, std::size_t i) {
  const std::vector<std::int64_t> values = in.constant(i).to_ints();
  require(values.size() == 2, "input " + std::to_string(i) + " is not a height and a width");
  require(values[0] > 0 && values[1] > 0 && values[0] <= kMostBoxes && values[1] <= kMostBoxes,
          "input " + std::to_string(i) + " is not a size: " + to_string(Shape(values)));
  return {values[0], values[1]};
}

std::vector<OutputType> output_of(const OpInputs& in, std::size_t boxes) {
  require_inputs(in, 2, 2);
  const Size grid = size_of_input(in, 0);
  require(
      grid.height * grid.width <= kMostBoxes / static_cast<std::int64_t>(boxes),
      "has too many boxes for a grid of " + std::to_string(grid.height) + " x " + std::to_string(grid.width));
  return {{DType::f32, {2, grid.height * grid.width * static_cast<std::int64_t>(boxes) * 4}}};
}

/// Calls emit(row, column) for every cell and appends the variances of all boxes.
std::vector<Constant> fold_cells(const OpInputs& in, std::size_t boxes, const std::vector<float>& variance,
                                 const std::function<void(std::vector<float>&, float, float)>& emit) {
  const Size grid = size_of_input(in, 0);
  const Shape shape = output_of(in, boxes).front().shape;
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(element_count(shape)));
  for (std::int64_t h = 0; h < grid.height; ++h)
    for (std::int64_t w = 0; w < grid.width; ++w) emit(values, static_cast<float>(h), static_cast<float>(w));
  const std::size_t half = values.size();
  for (std::size_t i = 0; i < half; ++i) values.push_back(variance[i % 4]);
  return {Constant::f32(shape, std::move(values))};
}

void append(std::vector<float>& out, Box box, bool clip) {
  for (const float side : {box.x1, box.y1, box.x2, box.y2})
    out.push_back(clip ? std::clamp(side, 0.0F, 1.0F) : side);
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  return output_of(in, pattern_of(attributes.as<PriorBoxAttributes>()).size());
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<PriorBoxAttributes>();
  const std::vector<Pattern> pattern = pattern_of(a);
  const Size grid = size_of_input(in, 0), image = size_of_input(in, 1);
  const auto width = static_cast<float>(image.width), height = static_cast<float>(image.height);
  // Without a step the centres are those of the cells: `offset` counts only together with a step.
  const bool cells = a.step == 0;
  const float step_x = cells ? width / static_cast<float>(grid.width) : static_cast<float>(a.step);
  const float step_y = cells ? height / static_cast<float>(grid.height) : static_cast<float>(a.step);
  const float first = cells ? 0.5F : static_cast<float>(a.offset);
  return fold_cells(in, pattern.size(), four_variances(a.variance),
                    [&](std::vector<float>& out, float h, float w) {
                      for (const Pattern& p : pattern) {
                        const float x = (w + first) * step_x + p.dx, y = (h + first) * step_y + p.dy;
                        Box box{(x - p.half_width) / width, (y - p.half_height) / height,
                                (x + p.half_width) / width, (y + p.half_height) / height};
                        if (p.held_inside)
                          box = {std::max(box.x1, 0.0F), std::max(box.y1, 0.0F), std::min(box.x2, 1.0F),
                                 std::min(box.y2, 1.0F)};
                        append(out, box, a.clip);
                      }
                    });
}

std::size_t clusters(const PriorBoxClusteredAttributes& a) {
  check_sizes(a.width, "width");
  check_sizes(a.height, "height");
  require(!a.width.empty() && a.width.size() == a.height.size(),
          "has " + std::to_string(a.width.size()) + " widths and " + std::to_string(a.height.size()) +
              " heights");
  require(a.width.size() <= static_cast<std::size_t>(kMostBoxes), "has too many boxes");
  return a.width.size();
}

std::vector<OutputType> infer_clustered(const Attributes& attributes, const OpInputs& in) {
  return output_of(in, clusters(attributes.as<PriorBoxClusteredAttributes>()));
}

std::optional<std::vector<Constant>> fold_clustered(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<PriorBoxClusteredAttributes>();
  const std::size_t boxes = clusters(a);
  const Size grid = size_of_input(in, 0), image = size_of_input(in, 1);
  const auto or_else = [](double stated, float otherwise) {
    return stated == 0 ? otherwise : static_cast<float>(stated);
  };
  const float width = or_else(a.img_w, static_cast<float>(image.width));
  const float height = or_else(a.img_h, static_cast<float>(image.height));
  const float step_x = or_else(a.step_w, width / static_cast<float>(grid.width));
  const float step_y = or_else(a.step_h, height / static_cast<float>(grid.height));
  const auto first = static_cast<float>(a.offset);
  return fold_cells(in, boxes, four_variances(a.variance), [&](std::vector<float>& out, float h, float w) {
    const float x = (w + first) * step_x, y = (h + first) * step_y;
    for (std::size_t s = 0; s < boxes; ++s) {
      const float half_width = a.width[s] / 2.0F, half_height = a.height[s] / 2.0F;
      append(out,
             {(x - half_width) / width, (y - half_height) / height, (x + half_width) / width,
              (y + half_height) / height},
             a.clip);
    }
  });
}

}  // namespace

extern const OpRecord prior_box_op;
const OpRecord prior_box_op{.name = "PriorBox", .infer = infer, .fold = fold};

extern const OpRecord prior_box_clustered_op;
const OpRecord prior_box_clustered_op{
    .name = "PriorBoxClustered", .infer = infer_clustered, .fold = fold_clustered};

}  // namespace refcalib::engine
