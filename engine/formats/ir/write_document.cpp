#include <pugixml.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/atomic_file.h"
#include "engine/formats/ir/document.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

/// Collects the text of a document.
class StringWriter final : public pugi::xml_writer {
 public:
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
  std::string text;
};

void set(pugi::xml_node node, const char* key, const std::string& value) {
  node.append_attribute(key).set_value(value.c_str());
}

void set_if(pugi::xml_node node, const char* key, const std::string& value) {
  if (!value.empty()) set(node, key, value);
}

void set_all(pugi::xml_node node, const std::vector<std::pair<std::string, std::string>>& attributes) {
  for (const auto& [key, value] : attributes) set(node, key.c_str(), value);
}

void append_raw(pugi::xml_node node, const std::string& raw) {
  if (raw.empty()) return;
  if (!node.append_buffer(raw.data(), raw.size())) throw FormatError("kept elements are not well-formed XML");
}

void write_blob(pugi::xml_node parent, const Blob& blob) {
  pugi::xml_node node = parent.append_child(blob.name.c_str());
  set(node, "offset", std::to_string(blob.offset));
  set(node, "size", std::to_string(blob.size));
  set_if(node, "precision", blob.precision);
}

void write_ports(pugi::xml_node layer, const char* direction, const std::vector<Port>& ports) {
  if (ports.empty()) return;
  pugi::xml_node list = layer.append_child(direction);
  for (const Port& port : ports) {
    pugi::xml_node node = list.append_child("port");
    set(node, "id", std::to_string(port.id));
    set_if(node, "precision", port.precision);
    set_if(node, "names", port.names);
    for (const std::int64_t dim : port.dims)
      node.append_child("dim").append_child(pugi::node_pcdata).set_value(std::to_string(dim).c_str());
    append_raw(node, port.raw);
  }
}

void write_layer(pugi::xml_node layers, const Layer& layer) {
  pugi::xml_node node = layers.append_child("layer");
  set(node, "id", std::to_string(layer.id));
  set(node, "name", layer.name);
  set(node, "type", layer.type);
  set_if(node, "version", layer.version);
  set_if(node, "precision", layer.precision);
  set_all(node, layer.extra);
  if (!layer.attributes.empty() || !layer.data_raw.empty()) {
    pugi::xml_node data = node.append_child(layer.data_element.c_str());
    set_all(data, layer.attributes);
    append_raw(data, layer.data_raw);
  }
  write_ports(node, "input", layer.inputs);
  write_ports(node, "output", layer.outputs);
  if (!layer.blobs.empty()) {
    pugi::xml_node parent = layer.blobs_container ? node.append_child("blobs") : node;
    for (const Blob& blob : layer.blobs) write_blob(parent, blob);
  }
  append_raw(node, layer.raw);
}

void write_text(pugi::xml_node parent, const char* name, const std::string& text) {
  parent.append_child(name).append_child(pugi::node_pcdata).set_value(text.c_str());
}

void write_statistics(pugi::xml_node net, const std::vector<LayerStatistics>& statistics) {
  if (statistics.empty()) return;
  pugi::xml_node list = net.append_child("statistics");
  for (const LayerStatistics& entry : statistics) {
    pugi::xml_node node = list.append_child("layer");
    write_text(node, "name", entry.layer);
    write_text(node, "min", format_floats(entry.min));
    write_text(node, "max", format_floats(entry.max));
  }
}

void write_pre_process(pugi::xml_node net, const PreProcess& process) {
  pugi::xml_node node = net.append_child("pre-process");
  set_if(node, "reference-layer-name", process.input);
  set_if(node, "mean-precision", process.mean_precision);
  for (std::size_t c = 0; c < process.channels.size(); ++c) {
    const PreProcess::Channel& channel = process.channels[c];
    pugi::xml_node child = node.append_child("channel");
    set(child, "id", std::to_string(c));
    if (channel.mean_plane) {
      Blob plane = *channel.mean_plane;
      plane.name = "mean";
      write_blob(child, plane);
    } else if (channel.mean) {
      set(child.append_child("mean"), "value", format_float(*channel.mean));
    }
    if (channel.scale != 1.0f) set(child.append_child("scale"), "value", format_float(channel.scale));
  }
}

void write_calibration(pugi::xml_node net, const std::vector<LayerCalibration>& calibration) {
  if (calibration.empty()) return;
  pugi::xml_node list = net.append_child("refcalib");
  set(list, "version", "1");
  const auto limits = [](const std::vector<QuantizationRange>& ranges, float QuantizationRange::*member) {
    std::vector<float> values;
    for (const QuantizationRange& range : ranges) values.push_back(range.*member);
    return format_floats(values);
  };
  for (const LayerCalibration& entry : calibration) {
    pugi::xml_node node = list.append_child("layer");
    set(node, "name", entry.layer);
    if (!entry.output.empty()) {
      pugi::xml_node output = node.append_child("output");
      set(output, "levels", std::to_string(entry.output_levels));
      set(output, "low", limits(entry.output, &QuantizationRange::low));
      set(output, "high", limits(entry.output, &QuantizationRange::high));
    }
    if (!entry.weights.empty()) {
      pugi::xml_node weights = node.append_child("weights");
      set(weights, "levels", std::to_string(entry.weight_levels));
      set(weights, "high", limits(entry.weights, &QuantizationRange::high));
    }
    if (!entry.bias.empty()) set(node.append_child("bias"), "values", format_floats(entry.bias));
  }
}

std::string to_xml(const Document& document) {
  pugi::xml_document xml;
  pugi::xml_node declaration = xml.append_child(pugi::node_declaration);
  set(declaration, "version", "1.0");
  pugi::xml_node net = xml.append_child("net");
  set(net, "name", document.name);
  set(net, "version", std::to_string(document.version));
  set_if(net, "batch", document.batch);
  set_if(net, "precision", document.precision);
  set_all(net, document.extra);
  for (const PreProcess& process : document.pre_process) write_pre_process(net, process);
  pugi::xml_node layers = net.append_child("layers");
  for (const Layer& layer : document.layers) write_layer(layers, layer);
  pugi::xml_node edges = net.append_child("edges");
  for (const Edge& edge : document.edges) {
    pugi::xml_node node = edges.append_child("edge");
    set(node, "from-layer", std::to_string(edge.from_layer));
    set(node, "from-port", std::to_string(edge.from_port));
    set(node, "to-layer", std::to_string(edge.to_layer));
    set(node, "to-port", std::to_string(edge.to_port));
  }
  write_statistics(net, document.statistics);
  write_calibration(net, document.calibration);
  append_raw(net, document.raw);
  StringWriter writer;
  xml.save(writer, "  ", pugi::format_indent, pugi::encoding_utf8);
  return std::move(writer.text);
}

}  // namespace

void write_document(const Document& document, const std::filesystem::path& xml) {
  const std::string text = in_context({xml.string(), "", ""}, [&] { return to_xml(document); });
  AtomicFile weights(weights_path_of(xml));
  AtomicFile description(xml);
  weights.write(document.weights);
  weights.write(document.appended);
  description.write(std::as_bytes(std::span<const char>(text)));
  weights.close();
  description.close();
  weights.commit();
  description.commit();
}

}  // namespace refcalib::engine::ir
