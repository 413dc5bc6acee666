#pragma once

#include "engine/ops/indexing.h"
#include "engine/ops/whole_tensor.h"

namespace refcalib::engine {

enum class ScatterReduction : std::uint8_t { none, sum, sub, prod, min, max, mean };

/// Throws FormatError for an unknown name.
ScatterReduction scatter_reduction(const std::string& name);

/// The output type of scatter operations: that of data, after checking that updates have its element type.
OutputType scattered_type(const OpInputs& in);

/// Reads and writes single elements of one type: to = to (reduction) from. `mean` adds.
class ScatterElement {
 public:
  ScatterElement(ScatterReduction reduction, DType dtype) noexcept;
  void apply(std::byte* to, const std::byte* from) const noexcept { apply_(to, from); }
  /// The value from which a reduction starts.
  void neutral(std::byte* to) const noexcept { neutral_(to); }
  /// to = to / count; rounded down for integers.
  void divide(std::byte* to, std::int64_t count) const noexcept { divide_(to, count); }

 private:
  void bind(ScatterReduction reduction, DType dtype) noexcept;
  template <class T>
  void bind(ScatterReduction reduction) noexcept;

  void (*apply_)(std::byte*, const std::byte*) noexcept = nullptr;
  void (*neutral_)(std::byte*) noexcept = nullptr;
  void (*divide_)(std::byte*, std::int64_t) noexcept = nullptr;
};

}  // namespace refcalib::engine
