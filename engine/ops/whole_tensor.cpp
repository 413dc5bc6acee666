#include "engine/ops/whole_tensor.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/core/error.h"
#include "engine/ops/computed.h"
#include "engine/ops/fold.h"

namespace refcalib::engine {
namespace {

template <class T>
T element(const std::byte* data, std::int64_t i) noexcept {
  T value;
  std::memcpy(&value, data + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

std::int64_t truncated(float value) noexcept {
  if (std::isnan(value)) return 0;
  if (value >= 0x1p63F) return std::numeric_limits<std::int64_t>::max();
  if (value <= -0x1p63F) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

std::array<std::byte, 8> zero_of(const TensorRef& out) {
  std::array<std::byte, 8> zero{};
  if (out.quantization != nullptr) zero[0] = static_cast<std::byte>(out.quantization->zero_point);
  return zero;
}

/// Shapes live in the step; a run puts their addresses and those of the data together on its stack.
class WholeStep final : public Step {
 public:
  static constexpr std::size_t most_inputs = 8;

  WholeStep(const Node& node, PlanContext& context, const char* name, WholeCompute compute)
      : name_(name), compute_(compute), attributes_(node.attributes), out_(context.tensor(node.outputs[0])) {
    for (const ValueId id : node.inputs) in_.push_back(stored_tensor(context, id));
    zero_ = zero_of(out_);
    out_.quantization = nullptr;
    for (TensorRef& in : in_) in.quantization = nullptr;
  }

  void run(const RunContext& context) const noexcept override {
    std::array<WholeInput, most_inputs> inputs;
    for (std::size_t i = 0; i < in_.size(); ++i)
      inputs[i] = {context.read(in_[i].where), in_[i].dtype, in_[i].shape};
    compute_(attributes_, std::span(inputs.data(), in_.size()),
             {context.write(out_.where), out_.dtype, out_.shape, zero_});
  }
  std::string kernel() const override { return name_; }

 private:
  const char* name_;
  WholeCompute compute_;
  Attributes attributes_;
  std::vector<TensorRef> in_;
  TensorRef out_;
  std::array<std::byte, 8> zero_{};
};

}  // namespace

std::int64_t product(Dims shape, std::size_t begin, std::size_t end) noexcept {
  std::int64_t result = 1;
  for (std::size_t d = begin; d < end; ++d) result *= shape[d];
  return result;
}

void copy_elements(std::byte* to, const std::byte* from, std::int64_t count, std::size_t size) noexcept {
  const std::size_t bytes = static_cast<std::size_t>(count) * size;
  if (bytes == 4)
    std::memcpy(to, from, 4);
  else if (bytes != 0)
    std::memcpy(to, from, bytes);
}

std::int64_t WholeInput::integer(std::int64_t i) const noexcept {
  switch (dtype) {
    case DType::f32:
      return truncated(element<float>(data, i));
    case DType::i64:
      return element<std::int64_t>(data, i);
    case DType::i32:
      return element<std::int32_t>(data, i);
    case DType::i16:
      return element<std::int16_t>(data, i);
    case DType::i8:
      return element<std::int8_t>(data, i);
    case DType::u64:
      return element<std::int64_t>(data, i);
    case DType::u32:
      return element<std::uint32_t>(data, i);
    case DType::u16:
      return element<std::uint16_t>(data, i);
    default:
      return element<std::uint8_t>(data, i);
  }
}

std::optional<std::vector<Constant>> fold_whole(const Attributes& attributes, const OpInputs& in,
                                                const OutputType& type, WholeCompute compute) {
  const auto constants = constant_inputs(in);
  if (!constants) return std::nullopt;
  std::vector<Constant> stored;
  std::vector<WholeInput> inputs;
  for (const Constant* c : *constants) {
    stored.push_back(is_float(c->dtype()) ? Constant::f32(c->shape(), c->to_floats()) : *c);
    inputs.push_back({stored.back().bytes().data(), stored.back().dtype(), c->shape()});
  }
  const auto bytes = static_cast<std::size_t>(element_count(type.shape)) * size_of(type.dtype);
  auto result = std::make_shared<std::vector<std::byte>>(bytes);
  compute(attributes, inputs, {result->data(), type.dtype, type.shape, {}});
  const std::span<const std::byte> view(*result);
  return std::vector{Constant(type.dtype, type.shape, view, std::move(result))};
}

std::unique_ptr<Step> plan_whole(const Node& node, PlanContext& context, const char* name,
                                 WholeCompute compute) {
  if (node.inputs.size() > WholeStep::most_inputs)
    throw UnsupportedError("more than 8 inputs are not supported");
  return std::make_unique<WholeStep>(node, context, name, compute);
}

}  // namespace refcalib::engine
