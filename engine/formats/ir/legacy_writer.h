#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/opset_builder.h"
#include "engine/graph/constant.h"

namespace refcalib::engine::ir {

/// A value of a v10/v11 document on its way into one of v7: a constant, or what a layer that was written gives.
struct LegacyValue {
  std::string name;
  Shape shape;
  std::string precision;  ///< of the port
  std::optional<Constant> constant;
  int layer = -1, port = 0;
  int readers = 0;         ///< layers of the source that read it
  bool is_output = false;  ///< of the network
};

/// What the function that spells one layer sees, and the document that it writes to. Accessors throw FormatError or UnsupportedError;
/// the caller adds the layer.
class LegacyWriter {
 public:
  using Blobs = std::vector<std::pair<std::string, Constant>>;

  explicit LegacyWriter(Document& document) : document_(document) {}
  /// Goes over to the next layer.
  void begin(const Layer& layer, std::vector<LegacyValue*> inputs, std::vector<LegacyValue*> outputs);

  // --- the layer of the source
  const std::string& name() const noexcept { return layer_->name; }
  const std::string& type() const noexcept { return layer_->type; }
  std::size_t input_count() const noexcept { return inputs_.size(); }
  LegacyValue& input(std::size_t rank = 0) const;
  LegacyValue& output(std::size_t rank = 0) const;
  std::size_t output_count() const noexcept { return outputs_.size(); }
  std::string text(std::string_view key, std::string_view absent = "") const;
  bool boolean(std::string_view key, bool absent) const;
  double real(std::string_view key, double absent) const;
  std::vector<std::int64_t> integers(std::string_view key) const;
  /// A constant input; throws UnsupportedError saying that v7 needs one.
  const Constant& constant(std::size_t rank) const;
  std::vector<std::int64_t> constant_integers(std::size_t rank) const { return constant(rank).to_ints(); }
  /// The one number of a constant input.
  float number(std::size_t rank) const;
  /// The attributes of the source, those named left out.
  AttributeTexts attributes(std::initializer_list<std::string_view> without = {}) const;

  // --- what is written
  /// A layer of that name over inputs, which gives all the outputs of the source.
  void add(std::string type, AttributeTexts attributes, const std::vector<LegacyValue*>& inputs,
           Blobs blobs = {});
  /// A layer "<layer>/<suffix>" of one output.
  LegacyValue* helper(std::string type, std::string_view suffix, AttributeTexts attributes,
                      const std::vector<LegacyValue*>& inputs, Shape shape);
  LegacyValue* helper_constant(std::string_view suffix, Constant constant);
  /// The output is the value itself.
  void pass(const LegacyValue& value);
  /// Puts a blob into the layer that was written last for `value`, and gives that layer this one's name and output.
  void complete(const LegacyValue& value, std::string blob, const Constant& constant);
  /// The layer that gives a value.
  const Layer* producer(const LegacyValue& value) const;
  /// Whether this layer alone reads the value, which a layer of that type without a blob of that name gives.
  bool completes(const LegacyValue& value, std::string_view type, std::string_view blob) const;
  /// The name of a layer that no other has.
  std::string unique_name(const std::string& wanted) const;
  void reserve(const std::string& name) { names_.insert(name); }
  /// Takes the name of a layer away and gives it another.
  void rename(const LegacyValue& value, const std::string& name);
  Layer& append(const std::string& name, const std::string& type, AttributeTexts attributes,
                const std::vector<LegacyValue*>& inputs);

 private:
  void place(LegacyValue& value);
  int add_output(Layer& layer, const Shape& shape, const std::string& precision);
  Blob blob_of(const std::string& name, const Constant& constant);

  Document& document_;
  const Layer* layer_ = nullptr;
  std::vector<LegacyValue*> inputs_, outputs_;
  std::vector<std::unique_ptr<LegacyValue>> helpers_;
  std::set<std::string> names_;
};

}  // namespace refcalib::engine::ir
