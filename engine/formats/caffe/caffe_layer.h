#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/caffe/net.pb.h"
#include "engine/formats/ir/opset_builder.h"

namespace refcalib::engine::caffe {

/// A factor and an addend per channel that follow a layer with weights.
struct ChannelScale {
  std::vector<double> scale, shift;
  bool empty() const noexcept { return scale.empty(); }
};

/// A blob with the numbers that the network computes with.
struct TrainedBlob {
  Shape shape;
  std::vector<float> values;
};

/// What one step of the integers stands for that a calibrated model stores.
struct StoredIntegers {
  float weight = 1, bias = 1;
};

/// What the function that translates one layer sees: its parameters, inputs and blobs, and a builder for what it becomes. Accessors
/// throw FormatError or UnsupportedError; the caller adds file and layer.
class CaffeLayer {
 public:
  CaffeLayer(const proto::LayerParameter& parameter, std::string name, std::vector<ValueId> inputs,
             std::vector<TrainedBlob> blobs, ChannelScale folded, ir::OpsetBuilder& builder);
  /// The weights are integers.
  void set_integers(StoredIntegers integers) { integers_ = integers; }

  const proto::LayerParameter& parameter() const noexcept { return parameter_; }
  const std::string& name() const noexcept { return name_; }
  ir::OpsetBuilder& builder() noexcept { return builder_; }

  // --- inputs
  std::size_t input_count() const noexcept { return inputs_.size(); }
  const std::vector<ValueId>& inputs() const noexcept { return inputs_; }
  ValueId input(std::size_t rank = 0) const;
  const Shape& shape(std::size_t rank = 0) const;
  const Shape& shape_of(ValueId value) const { return builder_.value(value).shape; }
  void expect_inputs(std::size_t least, std::size_t most) const;
  /// `axis`, counted from the end if negative, as a dimension of input 0; `axis` may be its rank if `end` is set.
  std::size_t axis(std::int64_t axis, bool end = false) const;
  std::size_t output_count() const noexcept { return static_cast<std::size_t>(parameter_.top_size()); }

  // --- blobs
  std::size_t blob_count() const noexcept { return blobs_.size(); }
  /// The numbers of a blob that must have this shape; dimensions of 1 do not count, as old files have more of them.
  const std::vector<float>& blob(std::size_t rank, const Shape& expected, std::string_view what) const;
  /// The same for a blob of `count` numbers or of one.
  const std::vector<float>& channel_blob(std::size_t rank, std::int64_t count, std::string_view what) const;
  /// What the layers behind this one do to its channels.
  const ChannelScale& folded() const noexcept { return folded_; }
  const std::optional<StoredIntegers>& integers() const noexcept { return integers_; }

  // --- constants, named "<layer>/<suffix>"
  ValueId floats(std::string_view suffix, Shape shape, std::vector<float> values);
  ValueId number(std::string_view suffix, float value);  ///< shape [1, 1…], of the rank of input 0
  ValueId integers(std::string_view suffix, std::vector<std::int64_t> values);
  ValueId integer(std::string_view suffix, std::int64_t value);
  /// The weights, as floats or as the integers that are stored, times what these stand for.
  ValueId weights(Shape shape, std::vector<float> values);
  /// Numbers along the dimensions of input 0 from `axis` on: [1…, dims, 1…].
  ValueId along(std::string_view suffix, std::size_t axis, const Shape& dims, std::vector<float> values);

  // --- results
  /// A layer named like this one, whose outputs are its tops.
  void add(ir::OpsetType type, ir::AttributeTexts attributes, std::vector<ValueId> inputs);
  /// A layer "<layer>/<suffix>".
  ValueId helper(ir::OpsetType type, std::string_view suffix, ir::AttributeTexts attributes,
                 std::vector<ValueId> inputs);
  void set_output(std::size_t rank, ValueId value);
  ValueId output(std::size_t rank) const { return outputs_[rank]; }

 private:
  const proto::LayerParameter& parameter_;
  std::string name_;
  std::vector<ValueId> inputs_, outputs_;
  std::vector<TrainedBlob> blobs_;
  ChannelScale folded_;
  std::optional<StoredIntegers> integers_;
  ir::OpsetBuilder& builder_;
};

}  // namespace refcalib::engine::caffe
