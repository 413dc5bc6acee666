#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/compressed_weights.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/pre_process.h"
#include "engine/formats/ir/stored_quantization.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/ir/wiring.h"

namespace refcalib::engine::ir {
namespace {

using Read = void (*)(LayerReader&);

Read find_read(const Document& document, const Layer& layer) noexcept {
  if (document.legacy()) {
    const LegacyLayer* found = find_legacy_layer(layer.type);
    return found == nullptr ? nullptr : found->read;
  }
  const OpsetLayer* found = find_opset_layer(layer.type, layer.version);
  return found == nullptr ? nullptr : found->read;
}

/// Layers by type: "unsupported layer types: Foo (layers 1 'a', 2 'b')".
std::string list_unknown(const std::map<std::string, std::vector<const Layer*>>& unknown) {
  std::string text = "unsupported layer types: ";
  bool first_type = true;
  for (const auto& [type, layers] : unknown) {
    if (!first_type) text += ", ";
    first_type = false;
    text += type + (layers.size() == 1 ? " (layer " : " (layers ");
    for (std::size_t i = 0; i < layers.size(); ++i)
      text += (i != 0 ? ", " : "") + std::to_string(layers[i]->id) + " '" + layers[i]->name + "'";
    text += ")";
  }
  return text;
}

/// Translates the layers of one document.
class Translator {
 public:
  explicit Translator(const Document& document)
      : document_(document), wiring_(document), builder_(document.name), values_(document.layers.size()) {}

  Graph run() {
    const std::vector<std::size_t> order = needed_layers();
    const std::vector<Read> reads = find_reads(order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Layer& layer = document_.layers[order[i]];
      in_context({"", layer.name, ""}, [&] { translate(order[i], reads[i]); });
    }
    restore_input_order();
    add_outputs();
    Graph graph = builder_.finish();
    graph.source = document_.xml_path.string();
    compressed_.apply(graph);
    apply_precision_hints(document_, graph);
    apply_stored_quantization(document_, graph);
    return graph;
  }

 private:
  bool is_type(std::size_t layer, std::string_view type) const noexcept {
    return equal_ignoring_case(document_.layers[layer].type, type);
  }

  /// v10/v11 drop layers that no Result needs; legacy files have no Result. Inputs always stay.
  std::vector<std::size_t> needed_layers() const {
    std::vector<std::size_t> order = wiring_.order();
    if (document_.legacy()) return order;
    std::vector<std::size_t> roots;
    for (std::size_t i = 0; i < document_.layers.size(); ++i)
      if (is_type(i, "Result") || is_type(i, "Parameter") || is_type(i, "Assign")) roots.push_back(i);
    const std::vector<bool> needed = wiring_.leading_to(roots);
    std::erase_if(order, [&](std::size_t layer) { return !needed[layer]; });
    return order;
  }

  std::vector<Read> find_reads(const std::vector<std::size_t>& order) const {
    std::vector<Read> reads;
    std::map<std::string, std::vector<const Layer*>> unknown;
    for (const std::size_t i : order) {
      const Layer& layer = document_.layers[i];
      reads.push_back(find_read(document_, layer));
      if (reads.back() != nullptr) continue;
      const std::string type = layer.version.empty() ? layer.type : layer.type + "-" + layer.version;
      unknown[type].push_back(&layer);
    }
    for (auto& [type, layers] : unknown)
      std::sort(layers.begin(), layers.end(), [](const Layer* a, const Layer* b) { return a->id < b->id; });
    if (!unknown.empty())
      throw UnsupportedError(list_unknown(unknown), {"", "", "convert the model without these layers"});
    return reads;
  }

  /// Legacy ports that nothing feeds are network inputs, named after the layer.
  ValueId implicit_input(const Layer& layer, std::size_t rank) {
    std::size_t open = 0;
    const std::size_t at = static_cast<std::size_t>(&layer - document_.layers.data());
    for (std::size_t r = 0; r < layer.inputs.size(); ++r) open += wiring_.source(at, r) ? 0u : 1u;
    const std::string name = open == 1 ? layer.name : layer.name + "." + std::to_string(rank);
    return builder_.input(name, DType::f32, layer.inputs[rank].dims);
  }

  std::vector<ValueId> input_values(std::size_t index) {
    const Layer& layer = document_.layers[index];
    std::vector<ValueId> inputs;
    for (std::size_t rank = 0; rank < layer.inputs.size(); ++rank) {
      const auto source = wiring_.source(index, rank);
      if (!source) {
        inputs.push_back(implicit_input(layer, rank));
        continue;
      }
      const std::vector<ValueId>& outputs = values_[source->layer];
      if (source->output >= outputs.size())
        throw UnsupportedError("input " + std::to_string(rank) + " reads output " +
                               std::to_string(source->output) + " of '" +
                               document_.layers[source->layer].name + "', which is not supported");
      inputs.push_back(outputs[source->output]);
    }
    return inputs;
  }

  void translate(std::size_t index, Read read) {
    const Layer& layer = document_.layers[index];
    LayerReader reader(document_, layer, builder_, input_values(index));
    read(reader);
    values_[index] = reader.outputs();
    if (!document_.legacy() && values_[index].size() == 1)
      compressed_.visit(index, builder_.graph(), values_[index].front());
    check_declared(layer, values_[index]);
    const bool input = is_type(index, "Input") || is_type(index, "Parameter");
    if (!input) return;
    if (const PreProcess* process = find_pre_process(document_, layer.name))
      values_[index].front() = add_pre_process(document_, *process, builder_, values_[index].front());
  }

  /// Legacy files state final shapes, batch included, and engines of the time ran those.
  void check_declared(const Layer& layer, const std::vector<ValueId>& outputs) const {
    if (!document_.legacy() || document_.reshaped) return;
    for (std::size_t k = 0; k < outputs.size() && k < layer.outputs.size(); ++k) {
      const Shape& inferred = builder_.graph().value(outputs[k]).shape;
      const Shape& declared = layer.outputs[k].dims;
      if (!declared.empty() && declared != inferred)
        throw FormatError("output port " + std::to_string(layer.outputs[k].id) + " declares the shape " +
                          to_string(declared) + " but the layer gives " + to_string(inferred));
    }
  }

  /// Inputs in the order of the file; implicit ones, which no layer produces, come behind.
  void restore_input_order() {
    Graph& graph = builder_.graph();
    std::vector<ValueId> ordered;
    for (const Layer& layer : document_.layers)
      for (const ValueId id : graph.inputs)
        if (graph.value(id).name == layer.name &&
            (equal_ignoring_case(layer.type, "Input") || equal_ignoring_case(layer.type, "Parameter")))
          ordered.push_back(id);
    for (const ValueId id : graph.inputs)
      if (std::find(ordered.begin(), ordered.end(), id) == ordered.end()) ordered.push_back(id);
    graph.inputs = std::move(ordered);
  }

  void add_outputs() {
    for (std::size_t i = 0; i < document_.layers.size(); ++i) {
      if (!document_.legacy()) {
        if (!is_type(i, "Result")) continue;
        const auto source = wiring_.source(i, 0);
        builder_.output(values_[source->layer].at(source->output));
      } else if (!is_type(i, "Const") && !is_type(i, "Input")) {
        for (std::size_t k = 0; k < values_[i].size(); ++k)
          if (!wiring_.is_read(i, k)) builder_.output(values_[i][k]);
      }
    }
    if (builder_.graph().outputs.empty())
      throw FormatError("the network has no outputs", {"", "", "check that the file is complete"});
    if (builder_.graph().inputs.empty())
      throw FormatError("the network has no inputs", {"", "", "check that the file is complete"});
  }

  const Document& document_;
  Wiring wiring_;
  GraphBuilder builder_;
  CompressedWeights compressed_{document_, wiring_};
  std::vector<std::vector<ValueId>> values_;  // by layer, then by output
};

}  // namespace

Graph to_graph(const Document& document) {
  return in_context({document.xml_path.string(), "", ""}, [&] { return Translator(document).run(); });
}

Graph read_graph(const std::filesystem::path& xml, const std::filesystem::path& weights_path) {
  return to_graph(read_document(xml, weights_path));
}

}  // namespace refcalib::engine::ir
