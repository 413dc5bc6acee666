#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/document.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

using Index = std::map<int, std::size_t>;  // layer id -> position in the document

const Port* find_port(const std::vector<Port>& ports, int id) noexcept {
  for (const Port& port : ports)
    if (port.id == id) return &port;
  return nullptr;
}

Index check_names(const Document& document) {
  Index index;
  std::map<std::string_view, int> names;
  for (std::size_t i = 0; i < document.layers.size(); ++i) {
    const Layer& layer = document.layers[i];
    if (const auto [at, fresh] = index.emplace(layer.id, i); !fresh)
      throw FormatError("layer id " + std::to_string(layer.id) + " is used twice, also by '" +
                            document.layers[at->second].name + "'",
                        {"", layer.name, ""});
    if (const auto [at, fresh] = names.emplace(layer.name, layer.id); !fresh)
      throw FormatError(
          "layers " + std::to_string(at->second) + " and " + std::to_string(layer.id) + " have the same name",
          {"", layer.name, ""});
  }
  return index;
}

void check_port(const Document& document, const Port& port, const char* direction) {
  const std::int64_t lowest = document.legacy() ? 1 : -1;
  Shape known = port.dims;
  for (std::int64_t& dim : known) {
    if (dim < lowest || dim > std::numeric_limits<std::int32_t>::max())
      throw FormatError(std::string(direction) + " port " + std::to_string(port.id) + " has the dimension " +
                        std::to_string(dim));
    dim = std::max<std::int64_t>(dim, 0);
  }
  element_count(known);
}

void check_ports(const Document& document, const Layer& layer) {
  std::set<int> seen;
  const auto check = [&](const std::vector<Port>& ports, const char* direction) {
    for (const Port& port : ports) {
      if (!seen.insert(port.id).second)
        throw FormatError("port id " + std::to_string(port.id) + " is used twice");
      check_port(document, port, direction);
    }
  };
  check(layer.inputs, "input");
  check(layer.outputs, "output");
}

void check_blobs(const Document& document, const Layer& layer) {
  for (const Blob& blob : layer.blobs) {
    document.bytes(blob, layer.name);
    const std::string& precision = blob.precision.empty() ? layer.precision : blob.precision;
    const std::optional<DType> type = find_element_type(precision.empty() ? document.precision : precision);
    if (type && blob.size % size_of(*type) != 0)
      throw FormatError("blob '" + blob.name + "' of " + std::to_string(blob.size) +
                        " bytes is no multiple of its element size " + std::to_string(size_of(*type)));
  }
  if (!document.legacy() && equal_ignoring_case(layer.type, "Const"))
    document.bytes(constant_blob(layer), layer.name);
}

/// Readers accept ports that no edge feeds in legacy files only: they become network inputs.
void check_fed(const Document& document, const std::set<std::pair<int, int>>& fed) {
  if (document.legacy()) return;
  for (const Layer& layer : document.layers)
    for (const Port& port : layer.inputs)
      if (!fed.contains({layer.id, port.id}))
        throw FormatError("no edge feeds input port " + std::to_string(port.id), {"", layer.name, ""});
}

void check_edges(const Document& document, const Index& index) {
  std::set<std::pair<int, int>> fed;
  const auto layer_of = [&](int id, const Edge& edge) -> const Layer& {
    const auto found = index.find(id);
    if (found == index.end())
      throw FormatError("the edge from layer " + std::to_string(edge.from_layer) + " to layer " +
                        std::to_string(edge.to_layer) + " names layer " + std::to_string(id) +
                        ", which does not exist");
    return document.layers[found->second];
  };
  for (const Edge& edge : document.edges) {
    const Layer& from = layer_of(edge.from_layer, edge);
    const Layer& to = layer_of(edge.to_layer, edge);
    const Port* const source = find_port(from.outputs, edge.from_port);
    const Port* const target = find_port(to.inputs, edge.to_port);
    if (source == nullptr)
      throw FormatError(
          "an edge leaves output port " + std::to_string(edge.from_port) + ", which does not exist",
          {"", from.name, ""});
    if (target == nullptr)
      throw FormatError(
          "an edge enters input port " + std::to_string(edge.to_port) + ", which does not exist",
          {"", to.name, ""});
    if (!fed.emplace(edge.to_layer, edge.to_port).second)
      throw FormatError("input port " + std::to_string(edge.to_port) + " is fed twice", {"", to.name, ""});
    if (document.legacy() && source->dims != target->dims)
      throw FormatError("input port " + std::to_string(edge.to_port) + " has the shape " +
                            to_string(target->dims) + " but '" + from.name + "' gives " +
                            to_string(source->dims),
                        {"", to.name, ""});
  }
  check_fed(document, fed);
}

/// Follows predecessors that are still waiting until a layer comes up again.
std::string name_cycle(const Document& document, const std::vector<std::vector<std::size_t>>& sources,
                       const std::vector<std::size_t>& waiting) {
  std::size_t at = 0;
  while (waiting[at] == 0) ++at;
  std::vector<std::size_t> path;
  while (std::find(path.begin(), path.end(), at) == path.end()) {
    path.push_back(at);
    at =
        *std::find_if(sources[at].begin(), sources[at].end(), [&](std::size_t s) { return waiting[s] != 0; });
  }
  std::string text = "'" + document.layers[at].name + "'";
  constexpr std::size_t shown = 8;
  std::size_t written = 0;
  for (auto i = path.rbegin(); i != path.rend(); ++i) {
    if (++written > shown) return text + " -> ...";
    text += " -> '" + document.layers[*i].name + "'";
    if (*i == at) break;
  }
  return text;
}

void check_acyclic(const Document& document, const Index& index) {
  const std::size_t count = document.layers.size();
  std::vector<std::vector<std::size_t>> sources(count);
  std::vector<std::vector<std::size_t>> targets(count);
  std::vector<std::size_t> waiting(count, 0);
  for (const Edge& edge : document.edges) {
    const std::size_t from = index.at(edge.from_layer);
    const std::size_t to = index.at(edge.to_layer);
    sources[to].push_back(from);
    targets[from].push_back(to);
    ++waiting[to];
  }
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < count; ++i)
    if (waiting[i] == 0) ready.push_back(i);
  std::size_t done = 0;
  while (!ready.empty()) {
    const std::size_t layer = ready.back();
    ready.pop_back();
    ++done;
    for (const std::size_t target : targets[layer])
      if (--waiting[target] == 0) ready.push_back(target);
  }
  if (done != count) throw FormatError("the layers form a cycle: " + name_cycle(document, sources, waiting));
}

/// The number of channels is dimension 1. Other ranks do not say which of their dimensions was meant.
void check_statistics(const Document& document) {
  std::map<std::string_view, const Layer*> layers;
  for (const Layer& layer : document.layers) layers.emplace(layer.name, &layer);
  for (const LayerStatistics& statistics : document.statistics) {
    const ErrorContext where = {"", statistics.layer, "calibrate the model again"};
    if (statistics.min.size() != statistics.max.size() || statistics.min.empty())
      throw FormatError("statistics have " + std::to_string(statistics.min.size()) + " minima and " +
                            std::to_string(statistics.max.size()) + " maxima",
                        where);
    const auto is_finite = [](float value) { return std::isfinite(value); };
    if (!std::all_of(statistics.min.begin(), statistics.min.end(), is_finite) ||
        !std::all_of(statistics.max.begin(), statistics.max.end(), is_finite))
      throw FormatError("statistics hold values that are not finite", where);
    const auto found = layers.find(statistics.layer);
    if (found == layers.end() || found->second->outputs.size() != 1 || statistics.min.size() == 1) continue;
    const Shape& dims = found->second->outputs.front().dims;
    if (dims.size() >= 4 && static_cast<std::int64_t>(statistics.min.size()) != dims[1])
      throw FormatError("statistics have " + std::to_string(statistics.min.size()) + " values for " +
                            std::to_string(dims[1]) + " channels",
                        where);
  }
}

}  // namespace

void check_document(const Document& document) {
  in_context({document.xml_path.string(), "", ""}, [&] {
    const Index index = check_names(document);
    for (const Layer& layer : document.layers)
      in_context({"", layer.name, ""}, [&] {
        check_ports(document, layer);
        check_blobs(document, layer);
      });
    check_edges(document, index);
    check_acyclic(document, index);
    check_statistics(document);
  });
}

}  // namespace refcalib::engine::ir
