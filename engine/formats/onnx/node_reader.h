#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/formats/ir/opset_builder.h"
#include "engine/formats/onnx/onnx.pb.h"
#include "engine/formats/onnx/tensor.h"

namespace refcalib::engine::onnx {

/// How the integers of a quantized tensor stand for numbers: real = scale[c] * (q - zero_point[c]).
struct TensorQuantization {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;  ///< as many as scales
  std::size_t axis = 1;                  ///< of the channels, if there are several scales
  DType type = DType::u8;
  friend bool operator==(const TensorQuantization&, const TensorQuantization&) = default;
};

/// A tensor of the model. What an operator for quantized numbers gives is held as the real numbers that the integers stand for.
struct Tensor {
  ValueId value = kNone;
  std::optional<TensorQuantization> quantization = std::nullopt;
};

using Tensors = std::map<std::string, Tensor, std::less<>>;

/// What the function that translates one node sees: attributes, inputs and a builder for the layers that it becomes. Accessors throw
/// FormatError or UnsupportedError; the caller adds file and node.
class NodeReader {
 public:
  NodeReader(const proto::NodeProto& node, int opset, Tensors& tensors, ir::OpsetBuilder& builder,
             TensorReader& constants);

  int opset() const noexcept { return opset_; }
  const proto::NodeProto& node() const noexcept { return node_; }
  ir::OpsetBuilder& builder() noexcept { return builder_; }
  /// The first tensor that the node gives; layers are named after it.
  const std::string& name() const noexcept { return name_; }

  // --- attributes; the forms without a default throw if the attribute is absent
  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer(std::string_view key, std::int64_t absent) const;
  double real(std::string_view key, double absent) const;
  std::string word(std::string_view key, std::string_view absent) const;  ///< in lower case
  std::vector<std::int64_t> integers(std::string_view key) const;         ///< empty if absent
  std::vector<float> floats(std::string_view key) const;                  ///< empty if absent
  /// A tensor that is an attribute, `key`. Throws if it is absent.
  Constant tensor(std::string_view key) const;

  // --- inputs; those left out at the end or by an empty name do not exist
  std::size_t input_count() const noexcept;
  bool has_input(std::size_t rank) const noexcept;
  ValueId input(std::size_t rank = 0) const { return tensor_input(rank).value; }
  std::vector<ValueId> inputs() const;  ///< all that exist
  const Tensor& tensor_input(std::size_t rank) const;
  const Shape& shape(std::size_t rank = 0) const { return builder_.value(input(rank)).shape; }
  DType dtype(std::size_t rank = 0) const { return builder_.dtype(input(rank)); }
  bool is_constant(std::size_t rank) const;
  const Constant& constant(std::size_t rank) const;
  std::vector<std::int64_t> ints(std::size_t rank) const { return constant(rank).to_ints(); }
  double scalar(std::size_t rank) const;
  /// Integers of the input `rank`, where newer operator sets have them, or of the attribute; empty if neither is there.
  std::vector<std::int64_t> ints_of(std::string_view key, std::size_t rank) const;
  void expect_inputs(std::size_t least, std::size_t most) const;
  std::size_t spatial_rank() const;
  static std::int64_t axis(std::int64_t axis, std::size_t rank);

  // --- outputs
  std::size_t output_count() const noexcept { return static_cast<std::size_t>(node_.output_size()); }
  bool wants_output(std::size_t k) const noexcept {
    return k < output_count() && !node_.output(static_cast<int>(k)).empty();
  }
  /// Throws unless output `from` and all behind it are unused.
  void expect_outputs(std::size_t from) const;
  void set_output(std::size_t k, Tensor tensor);
  void set_output(ValueId value) { set_output(0, Tensor{value}); }

  // --- layers
  ValueId constant_value(std::string_view suffix, Constant constant);
  ValueId i64(std::string_view suffix, std::vector<std::int64_t> values) {
    return constant_value(suffix, Constant::i64_vector(std::move(values)));
  }
  ValueId i64_scalar(std::string_view suffix, std::int64_t value) {
    return constant_value(suffix, Constant::i64({}, {value}));
  }
  ValueId f32(std::string_view suffix, float value) {
    return constant_value(suffix, Constant::f32({}, {value}));
  }
  /// A layer named "<name>/<suffix>", unlike any other.
  ValueId helper(ir::OpsetType type, std::string_view suffix, ir::AttributeTexts attributes,
                 std::vector<ValueId> inputs);
  /// The layer that bears the node's name; its outputs become the node's.
  ValueId add(ir::OpsetType type, ir::AttributeTexts attributes, std::vector<ValueId> inputs,
              std::size_t output_count = 1);
  /// The value under another shape; a constant is relabelled unless a layer computes it.
  ValueId reshaped(ValueId value, std::string_view suffix, Shape shape);
  void add_reshape(ValueId value, Shape shape);
  /// The value with ones in front of its dimensions or behind them; a vector per channel becomes [1, C, 1 …] of `rank` dimensions.
  ValueId per_channel(ValueId value, std::string_view suffix, std::size_t rank, std::size_t axis = 1);

 private:
  const proto::AttributeProto* find(std::string_view key) const noexcept;

  const proto::NodeProto& node_;
  int opset_;
  Tensors& tensors_;
  ir::OpsetBuilder& builder_;
  TensorReader& constants_;
  std::string name_;
};

}  // namespace refcalib::engine::onnx
