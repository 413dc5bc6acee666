#include "engine/formats/ir/supported_operations.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/op.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

/// Lower-case names of one column, each with how often it is listed without a variant in brackets.
std::map<std::string, int> listed(std::string_view ir::SupportedLayer::*column) {
  std::map<std::string, int> names;
  for (const ir::SupportedLayer& layer : ir::supported_layers()) {
    const std::string_view list = layer.*column;
    for (const std::string_view name : ir::listed_names(list)) {
      const auto behind = static_cast<std::size_t>(name.data() - list.data()) + name.size();
      names[ir::lower(name)] += list.substr(behind, 2) == " (" ? 0 : 1;
    }
  }
  return names;
}

template <class Families>
std::set<std::string> types_of(const Families& families) {
  std::set<std::string> types;
  for (const auto family : families)
    for (const auto& layer : family()) types.insert(std::string(layer.type));
  return types;
}

void check_listed(const std::map<std::string, int>& names, const std::set<std::string>& types) {
  for (const std::string& type : types) {
    INFO(type);
    CHECK(names.contains(type));
  }
  for (const auto& [name, plain] : names) {
    INFO(name);
    CHECK(types.contains(name));
    CHECK(plain <= 1);
  }
}

/// The words in the brackets behind a name: "sub", "div" of "Eltwise (sub, div)".
std::vector<std::string> variants(std::string_view list, std::string_view name) {
  const std::size_t at = list.find(std::string(name) + " (");
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + name.size() + 2;
  std::vector<std::string> words;
  for (const auto word : ir::listed_names(list.substr(begin, list.find(')', at) - begin)))
    words.emplace_back(word);
  return words;
}

/// Whether the operation of a node may run on integers: what it gives is real and meets the conditions.
bool integers_possible(const Graph& graph, const Node& node) {
  const OpRecord& record = op_record(node.op);
  return record.rule != QuantizationRule::none && graph.value(node.outputs[0]).dtype == DType::f32 &&
         (record.integer_capable == nullptr || record.integer_capable(graph, node));
}

/// The row that a layer type belongs to; the first if there are several.
const ir::SupportedLayer* row_of(std::string_view type, bool legacy) {
  for (const ir::SupportedLayer& layer : ir::supported_layers())
    for (const std::string_view name : ir::listed_names(legacy ? layer.legacy : layer.opset))
      if (ir::equal_ignoring_case(name, type)) return &layer;
  return nullptr;
}

/// Every node that has the name of a layer is one of those that the layer's row names.
void check_nodes(const std::filesystem::path& xml) {
  CAPTURE(xml);
  const ir::Document document = ir::read_document(xml);
  std::map<std::string, const ir::Layer*> layers;
  for (const ir::Layer& layer : document.layers) layers.emplace(layer.name, &layer);
  const Graph graph = ir::to_graph(document);
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    const auto layer = layers.find(node.name);
    if (layer == layers.end()) continue;
    CAPTURE(node.name, node.op, layer->second->type);
    const ir::SupportedLayer* const row = row_of(layer->second->type, document.legacy());
    REQUIRE(row != nullptr);
    bool named = row->legacy.find('(') != std::string_view::npos;  // several rows share the type
    for (const std::string_view operation : ir::listed_names(row->operation))
      named = named || operation == node.op;
    CHECK(named);
  }
}

}  // namespace

TEST_CASE("every layer type of the readers is listed, and nothing else", "[supported]") {
  check_listed(listed(&ir::SupportedLayer::legacy), types_of(ir::legacy_families()));
  check_listed(listed(&ir::SupportedLayer::opset), types_of(ir::opset_families()));
}

TEST_CASE("every operation is one that layers become, or one that passes insert", "[supported]") {
  std::set<std::string_view> named;
  for (const ir::SupportedLayer& layer : ir::supported_layers())
    for (const std::string_view operation : ir::listed_names(layer.operation)) {
      INFO(operation);
      CHECK(find_op(operation) != nullptr);
      named.insert(operation);
    }
  std::set<std::string_view> unnamed;
  for (const OpRecord* const record : all_ops())
    if (!named.contains(record->name)) unnamed.insert(record->name);
  CHECK(unnamed == std::set<std::string_view>{"Dequantize", "Quantize", "Reinterpret", "Reorder"});
}

TEST_CASE("names of a list leave variants out", "[supported]") {
  using Names = std::vector<std::string_view>;
  CHECK(ir::listed_names("").empty());
  CHECK(ir::listed_names("Add") == Names{"Add"});
  CHECK(ir::listed_names("Add, Eltwise (sum, prod), Max") == Names{"Add", "Eltwise", "Max"});
  CHECK(variants("Interp, Eltwise (sub, div)", "Eltwise") == std::vector<std::string>{"sub", "div"});
}

TEST_CASE("what is said of integers holds for functions of one and of two operands", "[supported]") {
  std::size_t checked = 0;
  for (const ir::SupportedLayer& layer : ir::supported_layers()) {
    const std::string_view operation = ir::listed_names(layer.operation).empty()
                                           ? std::string_view()
                                           : ir::listed_names(layer.operation).front();
    if (operation != "Activation" && operation != "Eltwise") continue;
    const auto check = [&](OneLayer one) {
      one.input({1, 4, 3, 3});
      if (operation == "Eltwise") one.input({1, 4, 3, 3});
      const Graph graph = one.graph();
      CHECK(integers_possible(graph, node_named(graph, "y")) == (layer.integers != "no"));
      ++checked;
    };
    for (const std::string_view name : ir::listed_names(layer.opset)) {
      CAPTURE(name);
      // Constant operands, or integers.
      if (name == "Power" || name == "Selu" || name == "HardSigmoid" || name.starts_with("Bitwise")) continue;
      check(OneLayer(11, std::string(name), {{"alpha", "1"}, {"min", "0"}, {"max", "6"}}, "opset13"));
    }
    for (const std::string& word : variants(layer.legacy, "Eltwise")) {
      if (word == "logical_not" || word == "mean") continue;  // one operand; a sum and a factor
      CAPTURE(word);
      check(OneLayer(7, "Eltwise", {{"operation", word}}));
    }
  }
  CHECK(checked > 50);
}

TEST_CASE("layers become what their rows say", "[supported]") {
  const std::filesystem::path examples = REFCALIB_SOURCE_DIR "/examples/model";
  check_nodes(examples / "shapes_v7.xml");
  check_nodes(examples / "shapes_v11.xml");
  const char* const environment = std::getenv("REFCALIB_SHARED_DIR");
  const std::filesystem::path root = environment != nullptr ? environment : REFCALIB_SHARED_DIR;
  if (root.empty() || !std::filesystem::exists(root / "models")) {
    WARN("skipped: no shared models; set REFCALIB_SHARED_DIR");
    return;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "models")) {
    std::filesystem::path weights = entry.path();
    if (weights.extension() == ".xml" && std::filesystem::exists(weights.replace_extension(".bin")))
      check_nodes(entry.path());
  }
}

TEST_CASE("printed rows say what the records do", "[supported]") {
  const auto rows = ir::supported_operations();
  REQUIRE(rows.size() == ir::supported_layers().size());
  const auto row = [&](const std::string& opset) {
    for (const ir::SupportedOperation& found : rows)
      if (found.opset == opset) return found;
    throw std::runtime_error("no row '" + opset + "'");
  };
  CHECK(row("Convolution (1), GroupConvolution (1)").int8 == "weights");
  CHECK(row("MaxPool (1, 8), AvgPool (1)").int8 == "pooling");
  CHECK(row("Concat (1)").int8 == "joins values");
  CHECK(row("Transpose (1)").int8 == "moves values");
  CHECK(row("Sigmoid (1)").int8 == "by table");
  CHECK(row("Add (1)").int8.starts_with("element-wise, "));
  CHECK(row("Interpolate (1, 4, 11)").int8 == "own range");
  CHECK(row("LRN (1)").int8 == "no");
  CHECK(row("LRN (1)").fp32 == "yes");
  CHECK(row("Reshape (1), Squeeze (1), Unsqueeze (1)").fp32 == "view");
  CHECK(row("ShapeOf (1)").fp32 == "at load");
  CHECK(row("ShapeOf (1)").int8 == "-");
  CHECK(row("Result (1)").fp32 == "-");
}
