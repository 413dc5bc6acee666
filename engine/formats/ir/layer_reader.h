#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/graph/builder.h"

namespace refcalib::engine::ir {

/// What the function that translates one layer sees: the layer's attributes, blobs and input values, and a
/// builder for the nodes that it becomes. Every accessor throws FormatError or UnsupportedError; the caller
/// adds file and layer.
class LayerReader {
 public:
  LayerReader(const Document& document, const Layer& layer, GraphBuilder& builder,
              std::vector<ValueId> inputs);

  const Document& document() const noexcept { return document_; }
  const Layer& layer() const noexcept { return layer_; }
  const std::string& name() const noexcept { return layer_.name; }
  GraphBuilder& builder() noexcept { return builder_; }

  // --- attributes; the forms without a default throw if the attribute is absent
  bool has(std::string_view key) const noexcept { return layer_.attribute(key) != nullptr; }
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer(std::string_view key, std::int64_t absent) const;
  double real(std::string_view key) const;
  double real(std::string_view key, double absent) const;
  bool boolean(std::string_view key, bool absent) const;
  std::string word(std::string_view key, std::string_view absent) const;  ///< in lower case
  std::vector<std::int64_t> integers(std::string_view key) const;         ///< empty if absent
  std::vector<float> floats(std::string_view key) const;                  ///< empty if absent
  /// `count` values: the list, one value for all, or `absent` for each.
  std::vector<std::int64_t> spatial(std::string_view key, std::size_t count, std::int64_t absent) const;

  // --- inputs, by rank of the port
  std::size_t input_count() const noexcept { return inputs_.size(); }
  const std::vector<ValueId>& inputs() const noexcept { return inputs_; }
  ValueId input(std::size_t rank = 0) const;
  const Shape& shape(std::size_t rank = 0) const;
  bool is_constant(std::size_t rank) const;
  const Constant& constant(std::size_t rank) const;
  /// The integers of a constant input.
  std::vector<std::int64_t> ints(std::size_t rank) const { return constant(rank).to_ints(); }
  /// Throws unless the layer has between `least` and `most` inputs.
  void expect_inputs(std::size_t least, std::size_t most) const;
  /// Number of spatial dimensions of input 0, 1 to 3.
  std::size_t spatial_rank() const;
  /// `axis`, counted from the end if negative, as an index below `rank`.
  static std::int64_t axis(std::int64_t axis, std::size_t rank);

  // --- blobs (legacy)
  bool has_blob(std::string_view blob) const noexcept;
  std::int64_t blob_count(std::string_view blob) const;  ///< elements
  Constant blob(std::string_view blob, Shape shape) const;
  DType blob_type(const Blob& blob) const;

  // --- results
  ValueId constant_value(std::string_view suffix, Constant constant);  ///< named "<layer>/<suffix>"
  /// Adds a node named like the layer and makes its outputs the layer's.
  void add(std::string op, Attributes attributes, std::vector<ValueId> inputs, std::size_t output_count = 1);
  template <class T>
  void add(std::string op, T attributes, std::vector<ValueId> inputs, std::size_t output_count = 1) {
    add(std::move(op), Attributes::of(std::move(attributes)), std::move(inputs), output_count);
  }
  /// Adds a helper node named "<layer>/<suffix>".
  template <class T>
  ValueId helper(std::string op, std::string_view suffix, T attributes, std::vector<ValueId> inputs) {
    return builder_.add1(std::move(op), name() + "/" + std::string(suffix),
                         Attributes::of(std::move(attributes)), std::move(inputs));
  }
  /// The value under another shape: constants are relabelled, others get a helper Reshape.
  ValueId reshaped(ValueId value, std::string_view suffix, Shape shape);
  /// A Reshape of input 0 named like the layer.
  void add_reshape(Shape shape);
  void set_outputs(std::vector<ValueId> outputs) { outputs_ = std::move(outputs); }
  const std::vector<ValueId>& outputs() const noexcept { return outputs_; }

 private:
  const std::string& text(std::string_view key) const;
  std::string described(std::string_view key) const { return "attribute '" + std::string(key) + "'"; }
  const Blob* find_blob(std::string_view blob) const noexcept;

  const Document& document_;
  const Layer& layer_;
  GraphBuilder& builder_;
  std::vector<ValueId> inputs_, outputs_;
};

/// Constant over bytes of the document. Keeps the mapped file alive, or copies bytes that nothing else keeps.
Constant document_constant(const Document& document, const Blob& blob, const std::string& layer, DType type,
                           Shape shape);

/// Throws FormatError if a floating-point constant holds a NaN or an infinity.
void check_finite(const Constant& constant, std::string_view what);

/// A layer type and the function that translates it.
struct LegacyLayer {
  std::string_view type;  ///< lower case
  void (*read)(LayerReader&);
};

/// An operation of v10/v11 between two versions of the operation set.
struct OpsetLayer {
  std::string_view type;  ///< lower case
  int since;              ///< first operation set with this meaning
  int last;               ///< last one; kNewest if it still holds
  void (*read)(LayerReader&);
};
inline constexpr int kNewest = 1000;

}  // namespace refcalib::engine::ir
