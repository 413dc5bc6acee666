#include "engine/formats/ir/supported_operations.h"

#include <algorithm>
#include <array>

#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/op.h"

namespace refcalib::engine::ir {
namespace {

constexpr std::string_view kNothing = "-";

/// How an operation runs on integers, in the order of QuantizationRule.
constexpr std::array<std::string_view, 8> kIntegerWords = {
    "no", "weights", "element-wise", "pooling", "joins values", "moves values", "by table", "own range"};

std::string_view integer_word(QuantizationRule rule) {
  return kIntegerWords.at(static_cast<std::size_t>(rule));
}

/// The operation sets from which on the meanings of a type hold: "1, 8".
std::string meanings(std::string_view type) {
  std::vector<int> versions;
  for (const OpsetFamily family : opset_families())
    for (const OpsetLayer& layer : family())
      if (equal_ignoring_case(layer.type, type)) versions.push_back(layer.since);
  std::sort(versions.begin(), versions.end());
  std::string text;
  for (const int version : versions) text += (text.empty() ? "" : ", ") + std::to_string(version);
  return text;
}

std::string with_meanings(std::string_view opset) {
  std::string text;
  for (const std::string_view name : listed_names(opset))
    text += (text.empty() ? "" : ", ") + std::string(name) + " (" + meanings(name) + ")";
  return text;
}

std::string float_word(const OpRecord& record) {
  if (record.plan != nullptr) return "yes";
  return record.aliasing == Aliasing::view ? "view" : "at load";
}

std::string integer_text(const OpRecord& record, std::string_view condition) {
  if (record.plan == nullptr && record.aliasing == Aliasing::none) return std::string(kNothing);
  const bool none = record.rule == QuantizationRule::none || condition == "no";
  if (none) return std::string(condition.empty() ? integer_word(QuantizationRule::none) : condition);
  const std::string word(integer_word(record.rule));
  return condition.empty() ? word : word + ", " + std::string(condition);
}

SupportedOperation completed(const SupportedLayer& layer) {
  SupportedOperation row{std::string(layer.legacy), with_meanings(layer.opset), std::string(kNothing),
                         std::string(kNothing), std::string(layer.notes)};
  if (layer.operation.empty()) return row;
  const OpRecord& record = op_record(listed_names(layer.operation).front());
  row.fp32 = float_word(record);
  row.int8 = integer_text(record, layer.integers);
  return row;
}

}  // namespace

std::vector<std::string_view> listed_names(std::string_view list) {
  std::vector<std::string_view> names;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    const char c = i < list.size() ? list[i] : ',';
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c != ',' || depth > 0) continue;
    std::string_view name = list.substr(begin, i - begin);
    name = name.substr(0, name.find(" ("));
    if (!name.empty()) names.push_back(name);
    begin = std::min(i + 2, list.size());
  }
  return names;
}

std::vector<SupportedOperation> supported_operations() {
  std::vector<SupportedOperation> rows;
  for (const SupportedLayer& layer : supported_layers()) rows.push_back(completed(layer));
  return rows;
}

}  // namespace refcalib::engine::ir
