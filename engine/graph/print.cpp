#include "engine/graph/print.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string_view>

namespace refcalib::engine {
namespace {

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

template <class T, class F>
std::string list(const std::vector<T>& values, const F& each) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i != 0 ? "," : "") + each(values[i]);
  return text + "]";
}

/// Writes "name=value" for every field that says something: false, empty lists and infinite limits are left
/// out.
class TextVisitor final : public AttributeVisitor {
 public:
  explicit TextVisitor(std::string_view separator) : separator_(separator) {}
  const std::string& text() const noexcept { return text_; }

  void field(std::string_view name, const std::int64_t& value) override { put(name, std::to_string(value)); }
  void field(std::string_view name, const double& value) override {
    if (std::isfinite(value)) put(name, number(value));
  }
  void field(std::string_view name, const bool& value) override {
    if (value) put(name, "true");
  }
  void field(std::string_view name, const std::string& value) override { put(name, value); }
  void field(std::string_view name, const std::vector<std::int64_t>& value) override {
    if (!value.empty()) put(name, list(value, [](std::int64_t x) { return std::to_string(x); }));
  }
  void field(std::string_view name, const std::vector<float>& value) override {
    if (!value.empty()) put(name, list(value, [](float x) { return number(static_cast<double>(x)); }));
  }

 private:
  void put(std::string_view name, const std::string& value) {
    if (!text_.empty()) text_ += separator_;
    text_ += name;
    text_ += "=";
    text_ += value;
  }
  std::string_view separator_;
  std::string text_;
};

std::string attributes_text(const Node& node, std::string_view separator) {
  TextVisitor visitor(separator);
  node.attributes.visit(visitor);
  return visitor.text();
}

std::uint64_t fnv1a(std::span<const std::byte> bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::byte b : bytes) hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  return hash;
}

std::string hexadecimal(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string quantization_text(const Quantization& q) {
  constexpr std::size_t shown = 4;
  std::string text = " q(scale=[";
  for (std::size_t i = 0; i < q.scale.size() && i < shown; ++i)
    text += (i != 0 ? "," : "") + number(static_cast<double>(q.scale[i]));
  if (q.scale.size() > shown)
    text += ",... " + std::to_string(q.scale.size()) + " values #" +
            hexadecimal(fnv1a(std::as_bytes(std::span(q.scale))));
  return text + "] zero_point=" + std::to_string(q.zero_point) + " " + std::to_string(q.qmin) + ".." +
         std::to_string(q.qmax) + ")";
}

std::string type_text(const Value& value) {
  std::string text = std::string(to_string(value.dtype)) + to_string(value.shape);
  if (value.layout == Layout::channels_last) text += " channels_last";
  return text;
}

std::string value_text(const Value& value) {
  std::string text = "'" + value.name + "' " + type_text(value);
  if (value.constant)
    text += " constant " + std::string(to_string(value.constant.dtype())) + " #" +
            hexadecimal(fnv1a(value.constant.bytes()));
  if (value.quantization) text += quantization_text(*value.quantization);
  return text;
}

/// Escapes for a quoted DOT string.
std::string dot_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result + "\"";
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string text = "graph '" + graph.name + "'\n";
  for (const ValueId id : graph.inputs) text += "input " + value_text(graph.value(id)) + "\n";
  std::set<ValueId> constants_shown;
  const auto show_constant = [&](ValueId id) {
    if (graph.value(id).constant && constants_shown.insert(id).second)
      text += "  " + value_text(graph.value(id)) + "\n";
  };
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    for (const ValueId input : node.inputs) show_constant(input);
    text += node.op + " '" + node.name + "'";
    if (const std::string attributes = attributes_text(node, " "); !attributes.empty())
      text += " {" + attributes + "}";
    if (node.hint == PrecisionHint::keep_float) text += " keep_float";
    text +=
        " <- " + list(node.inputs, [&](ValueId input) { return "'" + graph.value(input).name + "'"; }) + "\n";
    for (const ValueId output : node.outputs) text += "  -> " + value_text(graph.value(output)) + "\n";
  }
  for (const ValueId id : graph.outputs) {
    show_constant(id);
    text += "output '" + graph.value(id).name + "'\n";
  }
  return text;
}

std::string to_dot(const Graph& graph) {
  std::string text = "digraph " + dot_string(graph.name) + " {\n  node [shape=box];\n";
  const auto value_key = [](ValueId id) { return "v" + std::to_string(id); };
  const auto node_key = [](NodeId id) { return "n" + std::to_string(id); };
  for (const ValueId id : graph.inputs)
    text += "  " + value_key(id) + " [shape=ellipse label=" + dot_string("input " + graph.value(id).name) +
            "];\n";
  const auto edge = [&](ValueId id, const std::string& target) {
    const Value& value = graph.value(id);
    if (value.constant) return;
    std::string label = type_text(value);
    if (value.quantization) label += "\n" + quantization_text(*value.quantization).substr(1);
    const std::string source = value.producer == kNone ? value_key(id) : node_key(value.producer);
    text += "  " + source + " -> " + target + " [label=" + dot_string(label) + "];\n";
  };
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    std::string label = node.name + "\n" + node.op;
    if (const std::string attributes = attributes_text(node, "\n"); !attributes.empty())
      label += "\n" + attributes;
    if (node.hint == PrecisionHint::keep_float) label += "\nkeep_float";
    for (const ValueId input : node.inputs)
      if (graph.value(input).constant) label += "\nconstant " + type_text(graph.value(input));
    text += "  " + node_key(id) + " [label=" + dot_string(label) + "];\n";
    for (const ValueId input : node.inputs) edge(input, node_key(id));
  }
  for (std::size_t k = 0; k < graph.outputs.size(); ++k) {
    const std::string key = "o" + std::to_string(k);
    text += "  " + key +
            " [shape=ellipse label=" + dot_string("output " + graph.value(graph.outputs[k]).name) + "];\n";
    edge(graph.outputs[k], key);
  }
  return text + "}\n";
}

}  // namespace refcalib::engine
