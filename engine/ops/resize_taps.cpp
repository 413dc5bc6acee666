#include "engine/ops/resize_taps.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "engine/ops/computed.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

/// Guards against damaged files: dimensions, and neighbours that all elements of a dimension of the output have together when the
/// filter is stretched by 1 / scale.
constexpr std::int64_t kLongestDimension = std::int64_t{1} << 24;
constexpr float kMostReach = 33554432.0F;

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The coordinate of output index `o` in an input of `in` elements.
float source_coordinate(const ResizeAttributes& a, std::size_t dim, std::int64_t in, std::int64_t o) {
  const auto x = static_cast<float>(o), length = static_cast<float>(in);
  const float scale = a.scale[dim];
  const std::int64_t out = a.shape[dim];
  if (out == in || scale == 1.0F) return x;
  if (a.coordinates == "asymmetric") return x / scale;
  if (a.coordinates == "tf_half_pixel_for_nn") return (x + 0.5F) / scale;
  if (a.coordinates == "align_corners") return out == 1 ? 0 : x * (length - 1) / static_cast<float>(out - 1);
  if (a.coordinates == "pytorch_half_pixel" && out == 1) return 0;
  if (a.coordinates == "resample") {
    const float step = length / static_cast<float>(out);
    return x * step + step / 2 - 0.5F;
  }
  return (x + 0.5F) / scale - 0.5F;
}

float nearest(const ResizeAttributes& a, float scale, float at) {
  if (a.nearest_mode == "floor") return std::floor(at);
  if (a.nearest_mode == "ceil") return std::ceil(at);
  if (a.nearest_mode == "simple") return scale < 1 ? std::ceil(at) : std::trunc(at);
  if (a.nearest_mode == "round_prefer_floor" && at == std::floor(at) + 0.5F) return std::floor(at);
  return std::round(at);
}

float triangle(float t) {
  return std::max(0.0F, 1 - std::fabs(t));
}

/// Weights of the neighbours -1, 0, 1, 2 of a coordinate with this fraction.
std::array<float, 4> cubic_weights(float s, float a) {
  const float u = 1 - s;
  return {((a * (s + 1) - 5 * a) * (s + 1) + 8 * a) * (s + 1) - 4 * a, ((a + 2) * s - (a + 3)) * s * s + 1,
          ((a + 2) * u - (a + 3)) * u * u + 1, ((a * (u + 1) - 5 * a) * (u + 1) + 8 * a) * (u + 1) - 4 * a};
}

/// The cubic filter for a distance, zero from 2 on.
float cubic_filter(float t, float a) {
  const float x = std::fabs(t);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

}  // namespace

std::vector<OutputType> infer_resize(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<ResizeAttributes>();
  const Shape& x = in.shape(0);
  require(one_of(a.mode,
                 {"nearest", "linear", "linear_onnx", "cubic", "area", "bilinear_pillow", "bicubic_pillow"}),
          "resizing mode '" + a.mode + "' is unknown");
  require(one_of(a.coordinates, {"half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn",
                                 "align_corners", "resample"}),
          "coordinate transformation '" + a.coordinates + "' is unknown");
  require(one_of(a.nearest_mode, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"}),
          "rounding '" + a.nearest_mode + "' of coordinates is unknown");
  require(std::isfinite(a.cube_coeff) && std::fabs(a.cube_coeff) <= 1e6,
          "the cubic coefficient is out of range");
  require(a.shape.size() == x.size() && a.scale.size() == x.size(),
          "cannot resize " + to_string(x) + " to " + to_string(a.shape));
  for (std::size_t d = 0; d < x.size(); ++d)
    require(a.shape[d] >= 1 && x[d] >= 1 && std::isfinite(a.scale[d]) && a.scale[d] > 0 &&
                std::max(a.shape[d], x[d]) <= kLongestDimension,
            "cannot resize " + to_string(x) + " to " + to_string(a.shape));
  for (std::size_t d = 0; d < x.size(); ++d)
    require(a.scale[d] <= kMostReach && static_cast<float>(a.shape[d]) <= a.scale[d] * kMostReach,
            "the scale " + std::to_string(a.scale[d]) + " does not belong to the size " +
                std::to_string(a.shape[d]));
  return {{computed_type(in.dtype(0)), a.shape}};
}

std::vector<std::int64_t> nearest_indices(const ResizeAttributes& a, std::size_t dim, std::int64_t in) {
  std::vector<std::int64_t> indices;
  for (std::int64_t o = 0; o < a.shape[dim]; ++o) {
    const float at = nearest(a, a.scale[dim], source_coordinate(a, dim, in, o));
    indices.push_back(static_cast<std::int64_t>(std::clamp(at, 0.0F, static_cast<float>(in - 1))));
  }
  return indices;
}

ResizeTaps::ResizeTaps(std::int64_t extent) : in_(extent) {
  for (std::int64_t o = 0; o < extent; ++o) {
    add(o, 1);
    close(false);
  }
}

ResizeTaps::ResizeTaps(const ResizeAttributes& a, std::size_t dim, std::int64_t in) : in_(in) {
  const bool pillow = a.mode == "bilinear_pillow" || a.mode == "bicubic_pillow";
  for (std::int64_t o = 0; o < a.shape[dim]; ++o) {
    const float at = source_coordinate(a, dim, in, o);
    if (pillow)
      add_pillow(a, a.scale[dim], o);
    else if (a.mode == "linear")
      add_triangle(a, a.scale[dim], at);
    else if (a.mode == "area")
      add_area(o, a.shape[dim]);
    else if (a.mode == "cubic" && a.coordinates == "resample")
      add_resampled_cubic(a, a.scale[dim], at);
    else if (a.mode == "cubic")
      add_cubic(at, static_cast<float>(a.cube_coeff));
    else
      add_pair(at);
    close(pillow || a.mode == "linear" || a.mode == "area" || a.coordinates == "resample");
  }
}

kernels::ResizeAxis ResizeTaps::axis() const noexcept {
  return {first_.data(), index_.data(), weight_.data(), in_, static_cast<std::int64_t>(first_.size()) - 1};
}

/// Indices are clamped to the input; neighbours in the list that meet there become one.
void ResizeTaps::add(std::int64_t index, float weight) {
  if (weight == 0) return;
  const std::int64_t clamped = std::clamp<std::int64_t>(index, 0, in_ - 1);
  if (static_cast<std::int64_t>(index_.size()) > first_.back() && index_.back() == clamped) {
    weight_.back() += weight;
    return;
  }
  index_.push_back(clamped);
  weight_.push_back(weight);
}

void ResizeTaps::close(bool normalise) {
  const auto begin = static_cast<std::size_t>(first_.back());
  if (begin == index_.size()) {
    index_.push_back(0);
    weight_.push_back(0);
  }
  if (normalise) {
    float sum = 0;
    for (std::size_t k = begin; k < weight_.size(); ++k) sum += weight_[k];
    for (std::size_t k = begin; k < weight_.size() && sum != 0; ++k) weight_[k] /= sum;
  }
  first_.push_back(static_cast<std::int64_t>(index_.size()));
}

void ResizeTaps::add_triangle(const ResizeAttributes& a, float scale, float at) {
  const float slope = a.antialias && scale < 1 ? scale : 1.0F;
  const float reach = 1 / slope;
  const auto begin = static_cast<std::int64_t>(std::max(0.0F, std::floor(at - reach)));
  const auto end = static_cast<std::int64_t>(std::min(static_cast<float>(in_ - 1), std::ceil(at + reach)));
  for (std::int64_t i = begin; i <= end; ++i) add(i, triangle(slope * (at - static_cast<float>(i))));
}

/// Of every element the part that output element `o` of `out` covers; lengths in units of 1 / out are whole numbers.
void ResizeTaps::add_area(std::int64_t o, std::int64_t out) {
  const std::int64_t begin = o * in_, end = begin + in_;
  for (std::int64_t i = begin / out; i * out < end; ++i)
    add(i, static_cast<float>(std::min(end, (i + 1) * out) - std::max(begin, i * out)));
}

void ResizeTaps::add_pair(float at) {
  const float inside = std::clamp(at, 0.0F, static_cast<float>(in_ - 1));
  const auto low = static_cast<std::int64_t>(inside);
  const float rest = inside - static_cast<float>(low);
  add(low, 1 - rest);
  add(low + 1, rest);
}

void ResizeTaps::add_cubic(float at, float coefficient) {
  const float low = std::floor(at);
  const std::array<float, 4> weights = cubic_weights(at - low, coefficient);
  for (std::size_t k = 0; k < 4; ++k)
    add(static_cast<std::int64_t>(low) + static_cast<std::int64_t>(k) - 1, weights[k]);
}

/// The cubic filter of Caffe's Resample layer: as the triangle, it leaves out neighbours outside the input.
void ResizeTaps::add_resampled_cubic(const ResizeAttributes& a, float scale, float at) {
  const float slope = a.antialias && scale < 1 ? scale : 1.0F;
  const float reach = 2 / slope;
  const auto begin = static_cast<std::int64_t>(std::max(0.0F, std::floor(at - reach)));
  const auto end = static_cast<std::int64_t>(std::min(static_cast<float>(in_ - 1), std::ceil(at + reach)));
  for (std::int64_t i = begin; i <= end; ++i)
    add(i, cubic_filter(slope * (at - static_cast<float>(i)), static_cast<float>(a.cube_coeff)));
}

/// Pillow's resampling (ImagingResample): the support of the filter grows with the reduction.
void ResizeTaps::add_pillow(const ResizeAttributes& a, float scale, std::int64_t o) {
  const bool cubic = a.mode == "bicubic_pillow";
  const float step = 1 / scale, widening = std::max(step, 1.0F);
  const float support = (cubic ? 2.0F : 1.0F) * widening;
  const float center = (static_cast<float>(o) + 0.5F) * step;
  const auto begin = static_cast<std::int64_t>(std::max(0.0F, std::trunc(center - support + 0.5F)));
  const auto end =
      static_cast<std::int64_t>(std::min(static_cast<float>(in_), std::trunc(center + support + 0.5F)));
  for (std::int64_t i = begin; i < end; ++i) {
    const float t = (static_cast<float>(i) - center + 0.5F) / widening;
    add(i, cubic ? cubic_filter(t, static_cast<float>(a.cube_coeff)) : triangle(t));
  }
}

}  // namespace refcalib::engine
