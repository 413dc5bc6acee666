#include "engine/calibration/model_hash.h"

#include <cstring>
#include <refcalib/content_hash.hpp>
#include <span>

namespace refcalib::engine {
namespace {

class HashVisitor final : public AttributeVisitor {
 public:
  explicit HashVisitor(ContentHash& hash) : hash_(hash) {}
  void field(std::string_view name, const std::int64_t& value) override {
    text(name);
    hash_.add(static_cast<std::uint64_t>(value));
  }
  void field(std::string_view name, const double& value) override {
    text(name);
    hash_.add(std::as_bytes(std::span(&value, 1)));
  }
  void field(std::string_view name, const bool& value) override {
    text(name);
    hash_.add(std::uint64_t{value});
  }
  void field(std::string_view name, const std::string& value) override {
    text(name);
    text(value);
  }
  void field(std::string_view name, const std::vector<std::int64_t>& value) override {
    text(name);
    hash_.add(std::uint64_t{value.size()});
    hash_.add(std::as_bytes(std::span(value)));
  }
  void field(std::string_view name, const std::vector<float>& value) override {
    text(name);
    hash_.add(std::uint64_t{value.size()});
    hash_.add(std::span<const float>(value));
  }

  /// With its length, so that no two lists of texts look alike.
  void text(std::string_view value) {
    hash_.add(std::uint64_t{value.size()});
    hash_.add(value);
  }

 private:
  ContentHash& hash_;
};

}  // namespace

std::uint64_t model_hash(const Graph& graph) {
  ContentHash hash;
  HashVisitor visitor(hash);
  const auto add_value = [&](ValueId id) {
    const Value& value = graph.value(id);
    visitor.text(value.name);
    visitor.text(to_string(value.dtype));
    hash.add(std::uint64_t{value.shape.size()});
    for (const std::int64_t dimension : value.shape) hash.add(static_cast<std::uint64_t>(dimension));
    hash.add(std::uint64_t{value.constant.bytes().size()});
    hash.add(value.constant.bytes());
  };
  for (const ValueId id : graph.inputs) add_value(id);
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    visitor.text(node.op);
    visitor.text(node.name);
    node.attributes.visit(visitor);
    hash.add(std::uint64_t{node.inputs.size()});
    for (const ValueId in : node.inputs) {
      if (graph.value(in).constant)
        add_value(in);
      else
        visitor.text(graph.value(in).name);
    }
    hash.add(std::uint64_t{node.outputs.size()});
    for (const ValueId out : node.outputs) add_value(out);
  }
  for (const ValueId id : graph.outputs) visitor.text(graph.value(id).name);
  return hash.value();
}

}  // namespace refcalib::engine
