#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/graph/builder.h"

namespace refcalib::engine::ir {

/// Name and text of the attributes of a layer.
using AttributeTexts = std::vector<std::pair<std::string, std::string>>;
std::string format_integers(std::span<const std::int64_t> values);  ///< joined by ","

/// An operation of a v11 document to be: its type and operation set.
struct OpsetType {
  std::string_view type;
  int opset = 1;
};

/// Builds a v11 document layer by layer for readers of other formats. Beside the document grows the graph that to_graph() will make of
/// it, so that shape and element type of every value are known at once, and those of constants their elements. Layers that fold to
/// constants are left out of the document; a constant becomes a Const layer where a layer first reads it. Values are named
/// by ids of that graph.
class OpsetBuilder {
 public:
  /// `file` is named in messages and keeps the document's place.
  OpsetBuilder(std::string name, std::filesystem::path file);

  /// Names that belong to layers still to come; helper layers and constants avoid them.
  void reserve(std::string name) { reserved_.insert(std::move(name)); }

  ValueId input(const std::string& name, DType type, Shape shape);
  /// The name is made unique when the Const layer is made.
  ValueId constant(std::string name, Constant constant) {
    return graph_.constant(std::move(name), std::move(constant));
  }
  /// Adds a layer of that name, which must not be taken. Throws as the operation's reader does.
  std::vector<ValueId> add(OpsetType type, const std::string& name, AttributeTexts attributes,
                           std::vector<ValueId> inputs, std::size_t output_count = 1);
  /// A layer whose name is made unique.
  ValueId helper(OpsetType type, const std::string& name, AttributeTexts attributes,
                 std::vector<ValueId> inputs);
  /// The same, and the layer stays in the document even if it folds: weights that are stored in integers.
  ValueId stored(OpsetType type, const std::string& name, AttributeTexts attributes,
                 std::vector<ValueId> inputs);
  /// A Result.
  void output(ValueId value);

  const Value& value(ValueId id) const { return graph_.graph().value(id); }
  DType dtype(ValueId id) const { return value(id).constant ? value(id).constant.dtype() : value(id).dtype; }
  /// Name of the layer that gives the value as its only output; empty if there is none.
  std::string layer_of(ValueId id) const;
  /// Type of the layer that gives the value; empty for constants.
  std::string type_of(ValueId id) const;
  std::string unique_name(const std::string& wanted) const;

  /// Checks and hands out the document.
  Document finish();

 private:
  struct Place {
    int layer = 0, port = 0;
  };
  Place place_of(ValueId id);
  Layer make_layer(OpsetType type, const std::string& name, AttributeTexts attributes,
                   const std::vector<ValueId>& inputs, std::size_t output_count) const;
  std::vector<ValueId> translate(const Layer& layer, const std::vector<ValueId>& inputs);
  void append(Layer layer, const std::vector<ValueId>& inputs, const std::vector<ValueId>& outputs);
  bool keeps_stored(OpsetType type, const std::vector<ValueId>& inputs) const;

  Document document_;
  GraphBuilder graph_;
  std::map<ValueId, Place> places_;
  std::set<ValueId> stored_;  ///< constants that a layer of the document computes
  std::set<std::string> names_, reserved_;
};

}  // namespace refcalib::engine::ir
