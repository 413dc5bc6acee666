#include "engine/search/suffix.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

class Cut {
 public:
  Cut(const Graph& whole, Suffix& suffix) : whole_(whole), suffix_(suffix) {
    suffix.graph.name = whole.name;
    suffix.graph.source = whole.source;
  }

  bool reaches(const Node& node) const {
    for (const ValueId in : node.inputs)
      if (changed_.contains(in)) return true;
    return false;
  }

  void add(const Node& node) {
    Node copy = node;
    copy.inputs.clear();
    copy.outputs.clear();
    for (const ValueId in : node.inputs) copy.inputs.push_back(in == kNone ? kNone : value(in));
    for (const ValueId out : node.outputs) {
      Value result = whole_.value(out);
      result.producer = kNone;
      changed_[out] = suffix_.graph.add_value(std::move(result));
      copy.outputs.push_back(changed_[out]);
    }
    suffix_.graph.add_node(std::move(copy));
  }

  void add_output(ValueId id) {
    const auto found = changed_.find(id);
    if (found == changed_.end()) {
      suffix_.outputs.emplace_back();
      return;
    }
    suffix_.outputs.emplace_back(suffix_.graph.outputs.size());
    suffix_.graph.outputs.push_back(found->second);
  }

 private:
  /// The suffix's value for one that a node reads: computed in it, a constant, or an input.
  ValueId value(ValueId id) {
    if (const auto found = changed_.find(id); found != changed_.end()) return found->second;
    if (const auto found = fed_.find(id); found != fed_.end()) return found->second;
    const Value& from = whole_.value(id);
    ValueId own = kNone;
    if (from.constant) {
      own = suffix_.graph.add_constant(from.name, from.constant);
    } else {
      own = suffix_.graph.add_input(from.name, from.dtype, from.shape);
      suffix_.inputs.push_back(id);
    }
    suffix_.graph.value(own).quantization = from.quantization;
    return fed_[id] = own;
  }

  const Graph& whole_;
  Suffix& suffix_;
  std::map<ValueId, ValueId> changed_, fed_;
};

}  // namespace

std::set<NodeId> integer_nodes(const Graph& simplified) {
  Graph placed = simplified;
  place_int8(placed);
  const auto is_integer = [&](ValueId id) { return id != kNone && placed.value(id).dtype == DType::u8; };
  std::set<NodeId> found;
  for (const NodeId id : simplified.order()) {
    const Node& node = placed.node(id);
    if (std::any_of(node.inputs.begin(), node.inputs.end(), is_integer) ||
        std::any_of(node.outputs.begin(), node.outputs.end(), is_integer))
      found.insert(id);
  }
  return found;
}

Suffix suffix_from(const Graph& whole, const std::set<NodeId>& first) {
  Suffix suffix;
  Cut cut(whole, suffix);
  for (const NodeId id : whole.order())
    if (first.contains(id) || cut.reaches(whole.node(id))) cut.add(whole.node(id));
  for (const ValueId output : whole.outputs) cut.add_output(output);
  return suffix;
}

}  // namespace refcalib::engine
