#include "engine/formats/caffe/topology.h"

#include <algorithm>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {

Topology::Topology(const proto::NetParameter& net) : net_(net) {
  std::map<std::string, Top> given;
  for (int i = 0; i < net.layer_size(); ++i) {
    const proto::LayerParameter& layer = net.layer(i);
    const auto index = static_cast<std::size_t>(i);
    bottoms_.emplace_back();
    for (const std::string& bottom : layer.bottom()) {
      const auto found = given.find(bottom);
      if (found == given.end())
        throw FormatError("no layer before it gives the bottom '" + bottom + "'",
                          {"", layer.name(), "check the names of tops and bottoms"});
      bottoms_.back().push_back(found->second);
      readers_[found->second].push_back(index);
    }
    for (int k = 0; k < layer.top_size(); ++k) given[layer.top(k)] = {index, static_cast<std::size_t>(k)};
  }
}

const std::vector<std::size_t>& Topology::readers(Top top) const {
  static const std::vector<std::size_t> none;
  const auto found = readers_.find(top);
  return found == readers_.end() ? none : found->second;
}

namespace {

class Planner {
 public:
  explicit Planner(const Topology& topology) : topology_(topology) {}

  Plan run() {
    for (std::size_t i = 0; i < topology_.size(); ++i) roles_.push_back(role(i));
    for (std::size_t i = 0; i < topology_.size(); ++i) add_outputs(i);
    result_.translated.assign(topology_.size(), false);
    for (const Top& output : result_.outputs) need(output.layer);
    return std::move(result_);
  }

 private:
  /// A loss that contains an activation stands for it, unless the network has that activation already.
  LayerRole role(std::size_t i) const {
    const LayerRole role = role_of(topology_.layer(i).type());
    if (role != LayerRole::loss_with_activation || topology_.bottoms(i).empty()) return role;
    const std::string activation = contained_activation(topology_.layer(i).type());
    for (const std::size_t reader : topology_.readers(topology_.bottoms(i).front()))
      if (topology_.layer(reader).type() == activation) return LayerRole::dropped;
    return role;
  }

  bool computes(std::size_t i) const {
    return roles_[i] == LayerRole::computed || roles_[i] == LayerRole::loss_with_activation;
  }

  void add_outputs(std::size_t i) {
    if (!computes(i)) return;
    const auto tops = static_cast<std::size_t>(topology_.layer(i).top_size());
    for (std::size_t k = 0; k < std::max<std::size_t>(tops, 1); ++k) {
      const auto& readers = topology_.readers({i, k});
      const bool read = std::any_of(readers.begin(), readers.end(), [&](std::size_t reader) {
        return computes(reader) || roles_[reader] == LayerRole::silence;
      });
      if (!read) result_.outputs.push_back({i, k});
    }
  }

  void need(std::size_t i) {
    std::vector<std::size_t> open{i};
    while (!open.empty()) {
      const std::size_t layer = open.back();
      open.pop_back();
      if (result_.translated[layer]) continue;
      result_.translated[layer] = true;
      const std::vector<Top>& bottoms = topology_.bottoms(layer);
      const bool first_only = roles_[layer] == LayerRole::loss_with_activation;
      for (std::size_t k = 0; k < bottoms.size() && (k == 0 || !first_only); ++k)
        open.push_back(bottoms[k].layer);
    }
  }

  const Topology& topology_;
  std::vector<LayerRole> roles_;
  Plan result_;
};

}  // namespace

Plan plan(const Topology& topology) {
  Plan result = Planner(topology).run();
  if (result.outputs.empty())
    throw FormatError("the network has no outputs", {"", "", "check that the file is complete"});
  return result;
}

}  // namespace refcalib::engine::caffe
