#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/ops/op.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// Tensors of an operation that is rare, or limited by the bytes it moves: one function over whole tensors in plain order, the same
/// for folding constants and at run time, on one thread.
using Dims = std::span<const std::int64_t>;
struct WholeInput {
  const std::byte* data = nullptr;  ///< may be unaligned
  DType dtype = DType::f32;
  Dims shape{};

  std::size_t element_size() const noexcept { return size_of(dtype); }
  /// Element i as an integer: floats truncated towards zero and saturated, NaN as 0.
  std::int64_t integer(std::int64_t i) const noexcept;
};
struct WholeOutput {
  std::byte* data = nullptr;
  DType dtype = DType::f32;
  Dims shape{};
  std::array<std::byte, 8> zero{};  ///< an element that stands for 0

  std::size_t element_size() const noexcept { return size_of(dtype); }
};

/// Neither allocates nor throws; input shapes are those that `infer` accepted.
using WholeCompute = void (*)(const Attributes&, std::span<const WholeInput>, const WholeOutput&) noexcept;

/// The output if all inputs are constants.
std::optional<std::vector<Constant>> fold_whole(const Attributes& attributes, const OpInputs& in,
                                                const OutputType& type, WholeCompute compute);
std::unique_ptr<Step> plan_whole(const Node& node, PlanContext& context, const char* name,
                                 WholeCompute compute);

/// Copies `count` elements of `size` bytes.
void copy_elements(std::byte* to, const std::byte* from, std::int64_t count, std::size_t size) noexcept;

/// Highest rank of tensors that are indexed by coordinates.
inline constexpr std::size_t kWholeRank = 12;

/// Elements of a shape's dimensions [begin, end), 1 for none.
std::int64_t product(Dims shape, std::size_t begin, std::size_t end) noexcept;

/// An axis that inference accepted, as an index.
constexpr std::size_t axis_index(std::int64_t axis, Dims shape) noexcept {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis);
}

/// `index` below `dim`, counted from the end if negative; -1 if it is outside.
constexpr std::int64_t wrapped(std::int64_t index, std::int64_t dim) noexcept {
  if (index < 0) index = index < -dim ? -1 : index + dim;
  return index < dim ? index : -1;
}

}  // namespace refcalib::engine
