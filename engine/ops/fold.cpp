#include "engine/ops/fold.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

template <class T>
Constant owned(DType dtype, Shape shape, std::vector<T> values) {
  auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  const auto bytes = std::as_bytes(std::span(*owner));
  return {dtype, std::move(shape), bytes, owner};
}

/// The nearest value of T: plain casts are undefined beyond its range and for NaN, which gives 0.
template <class T>
T saturating(double value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    using Limits = std::numeric_limits<T>;
    if (std::isnan(value)) return 0;
    if (value >= static_cast<double>(Limits::max())) return Limits::max();
    if (value <= static_cast<double>(Limits::min())) return Limits::min();
    return static_cast<T>(value);
  }
}

template <class T>
Constant cast_to(DType dtype, Shape shape, const std::vector<double>& values) {
  std::vector<T> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = saturating<T>(values[i]);
  return owned(dtype, std::move(shape), std::move(out));
}

}  // namespace

std::optional<std::vector<const Constant*>> constant_inputs(const OpInputs& in) {
  std::vector<const Constant*> constants;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in.is_constant(i)) return std::nullopt;
    constants.push_back(&in.constant(i));
  }
  return constants;
}

Constant make_constant(DType dtype, Shape shape, const std::vector<double>& values) {
  switch (dtype) {
    case DType::f32:
    case DType::f16:
      return cast_to<float>(DType::f32, std::move(shape), values);
    case DType::f64:
      return cast_to<double>(dtype, std::move(shape), values);
    case DType::i64:
      return cast_to<std::int64_t>(dtype, std::move(shape), values);
    case DType::u64:
      return cast_to<std::uint64_t>(dtype, std::move(shape), values);
    case DType::i32:
      return cast_to<std::int32_t>(dtype, std::move(shape), values);
    case DType::u32:
      return cast_to<std::uint32_t>(dtype, std::move(shape), values);
    case DType::i16:
      return cast_to<std::int16_t>(dtype, std::move(shape), values);
    case DType::u16:
      return cast_to<std::uint16_t>(dtype, std::move(shape), values);
    case DType::i8:
      return cast_to<std::int8_t>(dtype, std::move(shape), values);
    case DType::u8:
    case DType::boolean:
      return cast_to<std::uint8_t>(dtype, std::move(shape), values);
  }
  throw Error("internal: unknown element type");
}

std::vector<double> to_doubles(const Constant& constant) {
  if (is_float(constant.dtype())) {
    if (constant.dtype() == DType::f64) {
      std::vector<double> out(static_cast<std::size_t>(constant.count()));
      if (!out.empty()) std::memcpy(out.data(), constant.bytes().data(), out.size() * sizeof(double));
      return out;
    }
    const std::vector<float> floats = constant.to_floats();
    return {floats.begin(), floats.end()};
  }
  const std::vector<std::int64_t> ints = constant.to_ints();
  std::vector<double> out(ints.size());
  for (std::size_t i = 0; i < ints.size(); ++i) out[i] = static_cast<double>(ints[i]);
  return out;
}

Constant converted(const Constant& constant, DType dtype) {
  const DType to = dtype == DType::f16 ? DType::f32 : dtype;
  if (constant.dtype() == to) return constant;
  if (to == DType::f32) return Constant::f32(constant.shape(), constant.to_floats());
  if (to == DType::i64) return Constant::i64(constant.shape(), constant.to_ints());
  std::vector<double> values = to_doubles(constant);
  for (double& v : values) {
    if (to == DType::boolean)
      v = v != 0 ? 1 : 0;
    else if (!is_float(to))
      v = std::trunc(v);
  }
  return make_constant(to, constant.shape(), values);
}

Constant fold_binary(const Constant& a, const Constant& b, DType out,
                     const std::function<double(double, double)>& f) {
  const Shape shape = broadcast_shape(a.shape(), b.shape());
  const auto count = static_cast<std::size_t>(element_count(shape));
  const std::vector<double> va = to_doubles(a), vb = to_doubles(b);
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t ia = 0, ib = 0, stride_a = 1, stride_b = 1, rest = i;
    for (std::size_t d = 0; d < shape.size(); ++d) {
      const auto dim = static_cast<std::size_t>(shape[shape.size() - 1 - d]);
      const std::size_t position = rest % dim;
      rest /= dim;
      const auto dim_of = [d](const Shape& s) {
        return d < s.size() ? static_cast<std::size_t>(s[s.size() - 1 - d]) : 1;
      };
      if (dim_of(a.shape()) != 1) ia += position * stride_a;
      if (dim_of(b.shape()) != 1) ib += position * stride_b;
      stride_a *= dim_of(a.shape());
      stride_b *= dim_of(b.shape());
    }
    values[i] = f(va[ia], vb[ib]);
  }
  return make_constant(out, shape, values);
}

Constant fold_gather(const Constant& source, Shape shape, const std::vector<std::int64_t>& index) {
  const std::size_t size = size_of(source.dtype());
  std::vector<std::byte> out(index.size() * size);
  for (std::size_t i = 0; i < index.size(); ++i)
    std::memcpy(out.data() + i * size, source.bytes().data() + static_cast<std::size_t>(index[i]) * size,
                size);
  return owned(source.dtype(), std::move(shape), std::move(out));
}

}  // namespace refcalib::engine
