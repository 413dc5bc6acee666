#include "engine/formats/ir/wiring.h"

#include <functional>
#include <map>
#include <queue>
#include <string>

#include "engine/core/error.h"

namespace refcalib::engine::ir {
namespace {

std::size_t rank_of(const std::vector<Port>& ports, int id) {
  for (std::size_t rank = 0; rank < ports.size(); ++rank)
    if (ports[rank].id == id) return rank;
  throw FormatError("an edge names port " + std::to_string(id) + ", which does not exist");
}

}  // namespace

Wiring::Wiring(const Document& document) {
  std::map<int, std::size_t> index;
  for (std::size_t i = 0; i < document.layers.size(); ++i) {
    index.emplace(document.layers[i].id, i);
    sources_.emplace_back(document.layers[i].inputs.size());
  }
  for (const Edge& edge : document.edges) {
    const std::size_t from = index.at(edge.from_layer);
    const std::size_t to = index.at(edge.to_layer);
    const std::size_t output = rank_of(document.layers[from].outputs, edge.from_port);
    sources_[to][rank_of(document.layers[to].inputs, edge.to_port)] = Source{from, output};
    read_.emplace(from, output);
  }
}

std::vector<std::size_t> Wiring::order() const {
  std::vector<std::vector<std::size_t>> targets(sources_.size());
  std::vector<std::size_t> waiting(sources_.size(), 0);
  for (std::size_t layer = 0; layer < sources_.size(); ++layer)
    for (const std::optional<Source>& source : sources_[layer])
      if (source) {
        targets[source->layer].push_back(layer);
        ++waiting[layer];
      }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t layer = 0; layer < waiting.size(); ++layer)
    if (waiting[layer] == 0) ready.push(layer);
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t layer = ready.top();
    ready.pop();
    order.push_back(layer);
    for (const std::size_t target : targets[layer])
      if (--waiting[target] == 0) ready.push(target);
  }
  return order;
}

std::vector<bool> Wiring::leading_to(const std::vector<std::size_t>& roots) const {
  std::vector<bool> reached(sources_.size(), false);
  std::vector<std::size_t> open = roots;
  while (!open.empty()) {
    const std::size_t layer = open.back();
    open.pop_back();
    if (reached[layer]) continue;
    reached[layer] = true;
    for (const std::optional<Source>& source : sources_[layer])
      if (source) open.push_back(source->layer);
  }
  return reached;
}

}  // namespace refcalib::engine::ir
