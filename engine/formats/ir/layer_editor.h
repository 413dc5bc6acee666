#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// One end of an edge, by ids as in the file.
struct PortRef {
  int layer = 0, port = 0;
  friend bool operator==(const PortRef&, const PortRef&) = default;
};

/// Inserts and removes layers of a v10/v11 document. Ids of new layers follow the largest one, names are made
/// unique by a number.
class LayerEditor {
 public:
  explicit LayerEditor(Document& document);

  Document& document() noexcept { return document_; }
  Layer* find(std::string_view name) noexcept;
  Layer& layer(int id);
  /// The port that feeds an input, by the input's rank. Throws FormatError if there is none.
  PortRef source(const Layer& layer, std::size_t rank) const;
  /// Inputs that an output feeds.
  std::vector<PortRef> readers(PortRef output) const;
  const Port& output_port(PortRef output);

  std::string unique_name(const std::string& wanted) const;
  /// An operation without ports, behind the layer `behind`, which new layers follow one after the other.
  Layer& insert(int behind, const std::string& name, const std::string& type);
  /// A Const of f32, f16 or i64 from values; f16 rounds to nearest even. Gives its output.
  PortRef insert_constant(int behind, const std::string& name, DType type, const Shape& shape,
                          std::span<const float> values);
  PortRef insert_constant(int behind, const std::string& name, const Shape& shape,
                          std::span<const std::int64_t> values);
  /// A Const of any type from the bytes of its elements.
  PortRef insert_constant(int behind, const std::string& name, DType type, const Shape& shape,
                          std::span<const std::byte> bytes);

  static PortRef add_input(Layer& layer, const std::string& precision, const Shape& dims);
  static PortRef add_output(Layer& layer, const std::string& precision, const Shape& dims);
  void connect(PortRef output, PortRef input);
  /// Feeds `input` from another output than before.
  void reconnect(PortRef input, PortRef output);
  void remove_layer(int id);
  /// Removes constants, and conversions of constants, that nothing reads.
  void remove_unread_constants();

 private:
  Layer make_constant(const std::string& name, DType type, const Shape& shape,
                      std::span<const std::byte> bytes);
  Layer& place(int behind, Layer layer);

  Document& document_;
  std::set<std::string, std::less<>> names_;
  int next_id_ = 0;
};

}  // namespace refcalib::engine::ir
