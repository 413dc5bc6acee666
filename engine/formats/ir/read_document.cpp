#include <algorithm>
#include <array>
#include <limits>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <string_view>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/document.h"
#include "engine/formats/ir/mapped_file.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

using Known = std::initializer_list<std::string_view>;

std::string verbatim(const pugi::xml_node& node) {
  std::ostringstream text;
  node.print(text, "", pugi::format_raw | pugi::format_no_declaration);
  return text.str();
}

bool contains(const Known& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Child elements that no field of ours holds.
std::string other_children(const pugi::xml_node& parent, const Known& known) {
  std::string text;
  for (const pugi::xml_node& child : parent.children())
    if (child.type() == pugi::node_element && !contains(known, child.name())) text += verbatim(child);
  return text;
}

std::vector<std::pair<std::string, std::string>> other_attributes(const pugi::xml_node& node,
                                                                  const Known& known) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const pugi::xml_attribute& attribute : node.attributes())
    if (!contains(known, attribute.name())) result.emplace_back(attribute.name(), attribute.value());
  return result;
}

std::string element(const pugi::xml_node& node) {
  return "<" + std::string(node.name()) + ">";
}

const char* required(const pugi::xml_node& node, const char* key) {
  const pugi::xml_attribute attribute = node.attribute(key);
  if (!attribute) throw FormatError(element(node) + " has no attribute '" + key + "'");
  return attribute.value();
}

int required_int(const pugi::xml_node& node, const char* key) {
  const std::string what = element(node) + " attribute '" + key + "'";
  const std::int64_t value = parse_integer(required(node, key), what);
  if (value < 0 || value > std::numeric_limits<int>::max())
    throw FormatError(what + " \"" + std::to_string(value) + "\" is out of range");
  return static_cast<int>(value);
}

std::uint64_t required_size(const pugi::xml_node& node, const char* key) {
  const std::string what = element(node) + " attribute '" + key + "'";
  const std::int64_t value = parse_integer(required(node, key), what);
  if (value < 0) throw FormatError(what + " \"" + std::to_string(value) + "\" is negative");
  return static_cast<std::uint64_t>(value);
}

Blob read_blob(const pugi::xml_node& node) {
  Blob blob;
  blob.name = node.name();
  blob.precision = node.attribute("precision").value();
  blob.size = node.attribute("size") ? required_size(node, "size") : 0;
  if (blob.size != 0) blob.offset = required_size(node, "offset");
  return blob;
}

std::vector<Port> read_ports(const pugi::xml_node& list) {
  std::vector<Port> ports;
  for (const pugi::xml_node& node : list.children("port")) {
    Port port;
    port.id = required_int(node, "id");
    port.precision = node.attribute("precision").value();
    port.names = node.attribute("names").value();
    for (const pugi::xml_node& dim : node.children("dim"))
      port.dims.push_back(parse_integer(dim.child_value(), "<dim> of port " + std::to_string(port.id)));
    port.raw = other_children(node, {"dim"});
    ports.push_back(std::move(port));
  }
  std::sort(ports.begin(), ports.end(), [](const Port& a, const Port& b) { return a.id < b.id; });
  return ports;
}

/// Elements that may hold a layer's attributes, in the order of preference (legacy generations only).
std::vector<std::string> data_elements(const std::string& type) {
  struct Row {
    std::string_view type;
    std::array<std::string_view, 4> names;
  };
  static constexpr std::array<Row, 8> rows = {
      {{"fullyconnected", {"fc", "fc_data", "data"}},
       {"innerproduct", {"fc", "fc_data", "data"}},
       {"norm", {"lrn", "norm", "norm_data", "data"}},
       {"lrn", {"lrn", "norm", "norm_data", "data"}},
       {"crop", {"crop", "crop-data", "data"}},
       {"batchnormalization", {"batch_norm", "batch_norm_data", "data"}},
       {"eltwise", {"elementwise", "elementwise_data", "data"}},
       {"activation", {"data", "activation_data"}}}};
  const std::string key = lower(type);
  for (const Row& row : rows) {
    if (row.type != key) continue;
    std::vector<std::string> names;
    for (const std::string_view name : row.names)
      if (!name.empty()) names.emplace_back(name);
    return names;
  }
  return {"data", key + "_data", key};
}

pugi::xml_node find_data(const pugi::xml_node& node, const Layer& layer, bool legacy) {
  if (!legacy) return node.child("data");
  for (const std::string& name : data_elements(layer.type))
    if (const pugi::xml_node found = node.child(name.c_str())) return found;
  return {};
}

void read_blobs(const pugi::xml_node& node, Layer& layer) {
  if (const pugi::xml_node container = node.child("blobs")) {
    for (const pugi::xml_node& blob : container.children())
      if (blob.type() == pugi::node_element) layer.blobs.push_back(read_blob(blob));
    return;
  }
  for (const char* name : {"weights", "biases"})
    if (const pugi::xml_node blob = node.child(name)) {
      layer.blobs.push_back(read_blob(blob));
      layer.blobs_container = false;
    }
}

Layer read_layer(const pugi::xml_node& node, bool legacy) {
  Layer layer;
  layer.name = required(node, "name");
  return in_context({"", layer.name, ""}, [&] {
    layer.id = required_int(node, "id");
    layer.type = required(node, "type");
    if (layer.name.empty()) throw FormatError("layer " + std::to_string(layer.id) + " has an empty name");
    if (layer.type.empty()) throw FormatError("the layer has an empty type");
    layer.version = node.attribute("version").value();
    layer.precision = node.attribute("precision").value();
    layer.extra = other_attributes(node, {"id", "name", "type", "version", "precision"});
    const pugi::xml_node data = find_data(node, layer, legacy);
    if (data) {
      layer.data_element = data.name();
      for (const pugi::xml_attribute& attribute : data.attributes())
        layer.attributes.emplace_back(attribute.name(), attribute.value());
      layer.data_raw = other_children(data, {});
    }
    layer.inputs = read_ports(node.child("input"));
    layer.outputs = read_ports(node.child("output"));
    read_blobs(node, layer);
    const std::string_view data_name = layer.data_element;
    layer.raw = layer.blobs_container
                    ? other_children(node, {data_name, "input", "output", "blobs"})
                    : other_children(node, {data_name, "input", "output", "weights", "biases"});
    return layer;
  });
}

LayerStatistics read_statistics(const pugi::xml_node& node) {
  LayerStatistics result;
  result.layer = node.child("name").text().get();
  return in_context({"", result.layer, ""}, [&] {
    result.min = parse_floats(node.child("min").text().get(), "statistics <min>");
    result.max = parse_floats(node.child("max").text().get(), "statistics <max>");
    return result;
  });
}

void read_channel(const pugi::xml_node& node, PreProcess& process) {
  const std::size_t next = process.channels.size();
  const std::size_t id = node.attribute("id") ? static_cast<std::size_t>(required_int(node, "id")) : next;
  if (id > 65535) throw FormatError("<pre-process> channel id " + std::to_string(id) + " is out of range");
  if (process.channels.size() <= id) process.channels.resize(id + 1);
  PreProcess::Channel& channel = process.channels[id];
  if (const pugi::xml_node mean = node.child("mean")) {
    if (const pugi::xml_attribute value = mean.attribute("value"))
      channel.mean = static_cast<float>(parse_real(value.value(), "<mean> value"));
    if (mean.attribute("size")) channel.mean_plane = read_blob(mean);
  }
  if (const pugi::xml_attribute scale = node.child("scale").attribute("value"))
    channel.scale = static_cast<float>(parse_real(scale.value(), "<scale> value"));
}

PreProcess read_pre_process(const pugi::xml_node& node) {
  PreProcess process;
  process.input = node.attribute("reference-layer-name").value();
  process.mean_precision = node.attribute("mean-precision").value();
  return in_context({"", process.input, ""}, [&] {
    for (const pugi::xml_node& channel : node.children("channel")) read_channel(channel, process);
    return process;
  });
}

std::vector<QuantizationRange> read_ranges(const pugi::xml_node& node, bool symmetric) {
  const std::vector<float> high = parse_floats(required(node, "high"), element(node) + " attribute 'high'");
  const std::vector<float> low =
      symmetric ? high : parse_floats(required(node, "low"), element(node) + " attribute 'low'");
  if (low.size() != high.size() || high.empty())
    throw FormatError(element(node) + " of <refcalib> needs equally many low and high limits, at least one");
  std::vector<QuantizationRange> ranges(high.size());
  for (std::size_t i = 0; i < high.size(); ++i) ranges[i] = {symmetric ? -high[i] : low[i], high[i]};
  return ranges;
}

std::int32_t read_levels(const pugi::xml_node& node) {
  const int levels = required_int(node, "levels");
  if (levels < 2 || levels > 256)
    throw FormatError(element(node) + " of <refcalib> has " + std::to_string(levels) +
                      " levels; 2 to 256 are possible");
  return levels;
}

LayerCalibration read_calibration(const pugi::xml_node& node) {
  LayerCalibration result;
  result.layer = required(node, "name");
  return in_context({"", result.layer, ""}, [&] {
    if (const pugi::xml_node output = node.child("output")) {
      result.output_levels = read_levels(output);
      result.output = read_ranges(output, false);
    }
    if (const pugi::xml_node weights = node.child("weights")) {
      result.weight_levels = read_levels(weights);
      result.weights = read_ranges(weights, true);
    }
    if (const pugi::xml_node bias = node.child("bias"))
      result.bias = parse_floats(required(bias, "values"), "<bias> values");
    return result;
  });
}

void check_version(const pugi::xml_node& net, Document& document) {
  const pugi::xml_attribute attribute = net.attribute("version");
  if (!attribute)
    throw UnsupportedError("the model states no IR version", {"", "", "supported are 2 to 7, 10 and 11"});
  const std::int64_t version = parse_integer(attribute.value(), "<net> attribute 'version'");
  const bool known = (version >= 2 && version <= 7) || version == 10 || version == 11;
  if (!known)
    throw UnsupportedError("IR version " + std::to_string(version) + " is not supported",
                           {"", "", "supported are 2 to 7, 10 and 11"});
  document.version = static_cast<int>(version);
}

std::size_t line_of(const std::string& text, std::ptrdiff_t offset) {
  const auto end =
      text.begin() + std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(text.size()));
  return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

void read_edges(const pugi::xml_node& list, Document& document) {
  for (const pugi::xml_node& node : list.children("edge"))
    document.edges.push_back({required_int(node, "from-layer"), required_int(node, "from-port"),
                              required_int(node, "to-layer"), required_int(node, "to-port")});
}

void read_net(const pugi::xml_node& net, Document& document) {
  check_version(net, document);
  document.name = net.attribute("name").value();
  document.batch = net.attribute("batch").value();
  document.precision = net.attribute("precision").value();
  document.extra = other_attributes(net, {"name", "version", "batch", "precision"});
  if (!net.child("layers")) throw FormatError("<net> has no <layers>");
  for (const pugi::xml_node& node : net.child("layers").children("layer"))
    document.layers.push_back(read_layer(node, document.legacy()));
  if (document.layers.empty()) throw FormatError("<layers> is empty");
  read_edges(net.child("edges"), document);
  for (const pugi::xml_node& node : net.child("statistics").children("layer"))
    document.statistics.push_back(read_statistics(node));
  for (const pugi::xml_node& node : net.children("pre-process"))
    document.pre_process.push_back(read_pre_process(node));
  if (const pugi::xml_node calibration = net.child("refcalib")) {
    if (const int version = required_int(calibration, "version"); version != 1)
      throw UnsupportedError("<refcalib> version " + std::to_string(version) + " is not supported",
                             {"", "", "read the model with a newer release or calibrate it again"});
    for (const pugi::xml_node& node : calibration.children("layer"))
      document.calibration.push_back(read_calibration(node));
  }
  document.raw = other_children(net, {"layers", "edges", "statistics", "pre-process", "refcalib"});
}

bool needs_weights(const Document& document) {
  for (const Layer& layer : document.layers) {
    if (std::any_of(layer.blobs.begin(), layer.blobs.end(), [](const Blob& blob) { return blob.size != 0; }))
      return true;
    if (!document.legacy() && equal_ignoring_case(layer.type, "Const")) {
      const std::string* size = layer.attribute("size");
      if (size != nullptr && *size != "0") return true;
    }
  }
  for (const PreProcess& process : document.pre_process)
    for (const PreProcess::Channel& channel : process.channels)
      if (channel.mean_plane) return true;
  return false;
}

void map_weights(Document& document) {
  std::error_code ignored;
  const bool exists = std::filesystem::exists(document.bin_path, ignored);
  if (!exists && !needs_weights(document)) return;
  MappedFile file =
      in_context({"", "", "name the weights file with -w FILE"}, [&] { return map_file(document.bin_path); });
  document.weights = file.bytes;
  document.weights_owner = std::move(file.owner);
}

}  // namespace

Document read_document(const std::filesystem::path& xml, const std::filesystem::path& weights_path) {
  Document document;
  document.xml_path = xml;
  document.bin_path = weights_path.empty() ? weights_path_of(xml) : weights_path;
  return in_context({xml.string(), "", ""}, [&] {
    const std::string text = read_text(xml);
    pugi::xml_document parsed;
    const pugi::xml_parse_result result = parsed.load_buffer(text.data(), text.size());
    if (!result)
      throw FormatError("line " + std::to_string(line_of(text, result.offset)) + ": not well-formed XML (" +
                        result.description() + ")");
    const pugi::xml_node net = parsed.document_element();
    if (!equal_ignoring_case(net.name(), "net"))
      throw FormatError("the root element is " + element(net) + ", not <net>: this is not an IR model");
    read_net(net, document);
    map_weights(document);
    check_document(document);
    return std::move(document);
  });
}

}  // namespace refcalib::engine::ir
