#include "engine/formats/ir/legacy_writer.h"

#include <algorithm>
#include <memory>

#include "engine/core/error.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

/// Indices are I32 in files of v7.
Constant narrowed(const Constant& constant) {
  if (constant.dtype() != DType::i64) return constant;
  const std::vector<std::int64_t> values = constant.to_ints();
  std::vector<std::int32_t> narrow;
  for (const std::int64_t value : values)
    narrow.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(value, INT32_MIN, INT32_MAX)));
  const auto bytes = std::make_shared<const std::vector<std::int32_t>>(std::move(narrow));
  return Constant(DType::i32, constant.shape(), std::as_bytes(std::span<const std::int32_t>(*bytes)), bytes);
}

}  // namespace

void LegacyWriter::begin(const Layer& layer, std::vector<LegacyValue*> inputs,
                         std::vector<LegacyValue*> outputs) {
  layer_ = &layer;
  inputs_ = std::move(inputs);
  outputs_ = std::move(outputs);
}

LegacyValue& LegacyWriter::input(std::size_t rank) const {
  if (rank >= inputs_.size()) throw FormatError("input " + std::to_string(rank) + " is missing");
  return *inputs_[rank];
}

LegacyValue& LegacyWriter::output(std::size_t rank) const {
  return *outputs_.at(rank);
}

std::string LegacyWriter::text(std::string_view key, std::string_view absent) const {
  const std::string* const found = layer_->attribute(key);
  return lower(found == nullptr ? absent : *found);
}

bool LegacyWriter::boolean(std::string_view key, bool absent) const {
  const std::string* const found = layer_->attribute(key);
  return found == nullptr ? absent : parse_boolean(*found, key);
}

double LegacyWriter::real(std::string_view key, double absent) const {
  const std::string* const found = layer_->attribute(key);
  return found == nullptr ? absent : parse_real(*found, key);
}

std::vector<std::int64_t> LegacyWriter::integers(std::string_view key) const {
  const std::string* const found = layer_->attribute(key);
  return found == nullptr ? std::vector<std::int64_t>() : parse_integers(*found, key);
}

const Constant& LegacyWriter::constant(std::size_t rank) const {
  const LegacyValue& value = input(rank);
  if (!value.constant)
    throw UnsupportedError(
        type() + " with a computed input " + std::to_string(rank) + " has no form in IR version 7",
        {"", "", "write version 11"});
  return *value.constant;
}

float LegacyWriter::number(std::size_t rank) const {
  const std::vector<float> values = constant(rank).to_floats();
  if (values.size() != 1)
    throw UnsupportedError(
        type() + " with several numbers in input " + std::to_string(rank) + " has no form in IR version 7",
        {"", "", "write version 11"});
  return values.front();
}

AttributeTexts LegacyWriter::attributes(std::initializer_list<std::string_view> without) const {
  AttributeTexts result;
  for (const auto& [key, value] : layer_->attributes)
    if (std::find(without.begin(), without.end(), key) == without.end()) result.emplace_back(key, value);
  return result;
}

std::string LegacyWriter::unique_name(const std::string& wanted) const {
  std::string name = wanted;
  for (int number = 1; names_.contains(name); ++number) name = wanted + "_" + std::to_string(number);
  return name;
}

Blob LegacyWriter::blob_of(const std::string& name, const Constant& constant) {
  const Constant stored = narrowed(constant);
  return document_.append(name, stored.bytes(), std::string(port_precision(stored.dtype())));
}

int LegacyWriter::add_output(Layer& layer, const Shape& shape, const std::string& precision) {
  Port port;
  port.id = static_cast<int>(layer.inputs.size() + layer.outputs.size());
  port.precision = precision == "I64" ? "I32" : precision;
  port.dims = shape;
  layer.outputs.push_back(port);
  return port.id;
}

/// A constant becomes a layer where a layer first reads it.
void LegacyWriter::place(LegacyValue& value) {
  if (value.layer >= 0) return;
  if (!value.constant) throw Error("internal: a value without a layer");
  Layer& layer = append(unique_name(value.name), "Const", {}, {});
  layer.blobs.push_back(blob_of("custom", *value.constant));
  value.layer = layer.id;
  value.port =
      add_output(layer, value.constant->shape(), std::string(port_precision(value.constant->dtype())));
}

Layer& LegacyWriter::append(const std::string& name, const std::string& type, AttributeTexts attributes,
                            const std::vector<LegacyValue*>& inputs) {
  for (LegacyValue* input : inputs) place(*input);
  Layer layer;
  layer.id = static_cast<int>(document_.layers.size());
  layer.name = name;
  layer.type = type;
  layer.attributes = std::move(attributes);
  for (const LegacyValue* input : inputs) {
    Port port;
    port.id = static_cast<int>(layer.inputs.size());
    port.dims = input->shape;
    document_.edges.push_back({input->layer, input->port, layer.id, port.id});
    layer.inputs.push_back(std::move(port));
  }
  names_.insert(name);
  document_.layers.push_back(std::move(layer));
  return document_.layers.back();
}

void LegacyWriter::add(std::string type, AttributeTexts attributes, const std::vector<LegacyValue*>& inputs,
                       Blobs blobs) {
  Layer& layer = append(name(), type, std::move(attributes), inputs);
  for (const auto& [blob, constant] : blobs) layer.blobs.push_back(blob_of(blob, constant));
  for (LegacyValue* output : outputs_) {
    output->layer = layer.id;
    output->port = add_output(layer, output->shape, output->precision);
  }
}

LegacyValue* LegacyWriter::helper(std::string type, std::string_view suffix, AttributeTexts attributes,
                                  const std::vector<LegacyValue*>& inputs, Shape shape) {
  Layer& layer = append(unique_name(name() + "/" + std::string(suffix)), type, std::move(attributes), inputs);
  auto value = std::make_unique<LegacyValue>();
  value->name = layer.name;
  value->shape = std::move(shape);
  value->precision = inputs.empty() ? "FP32" : inputs.front()->precision;
  value->layer = layer.id;
  value->port = add_output(layer, value->shape, value->precision);
  helpers_.push_back(std::move(value));
  return helpers_.back().get();
}

LegacyValue* LegacyWriter::helper_constant(std::string_view suffix, Constant constant) {
  auto value = std::make_unique<LegacyValue>();
  value->name = name() + "/" + std::string(suffix);
  value->shape = constant.shape();
  value->precision = port_precision(constant.dtype());
  value->constant = std::move(constant);
  helpers_.push_back(std::move(value));
  return helpers_.back().get();
}

void LegacyWriter::pass(const LegacyValue& value) {
  LegacyValue& output = *outputs_.at(0);
  output.layer = value.layer;
  output.port = value.port;
  output.constant = value.constant;
}

const Layer* LegacyWriter::producer(const LegacyValue& value) const {
  return value.layer < 0 ? nullptr : &document_.layers[static_cast<std::size_t>(value.layer)];
}

bool LegacyWriter::completes(const LegacyValue& value, std::string_view type, std::string_view blob) const {
  const Layer* const layer = producer(value);
  if (layer == nullptr || layer->type != type || value.readers != 1 || value.is_output) return false;
  return std::none_of(layer->blobs.begin(), layer->blobs.end(),
                      [&](const Blob& existing) { return existing.name == blob; });
}

void LegacyWriter::complete(const LegacyValue& value, std::string blob, const Constant& constant) {
  Layer& layer = document_.layers[static_cast<std::size_t>(value.layer)];
  std::erase_if(layer.blobs, [&](const Blob& existing) { return existing.name == blob; });
  layer.blobs.push_back(blob_of(blob, constant));
  names_.erase(layer.name);
  layer.name = name();
  names_.insert(layer.name);
  output().layer = value.layer;
  output().port = value.port;
}

void LegacyWriter::rename(const LegacyValue& value, const std::string& name) {
  Layer& layer = document_.layers[static_cast<std::size_t>(value.layer)];
  names_.erase(layer.name);
  layer.name = name;
  names_.insert(name);
}

}  // namespace refcalib::engine::ir
