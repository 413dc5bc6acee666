#include "engine/formats/ir/reshape.h"

#include <algorithm>
#include <set>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

bool is_input(const Document& document, const Layer& layer) {
  return equal_ignoring_case(layer.type, document.legacy() ? "Input" : "Parameter");
}

std::string join(const Shape& shape) {
  std::string text;
  for (const std::int64_t dim : shape) text += (text.empty() ? "" : ",") + std::to_string(dim);
  return text;
}

/// Entries of a shape attribute, dynamic ones as they are spelled.
std::vector<std::string> entries(const std::string& text) {
  std::vector<std::string> list;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    list.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return list;
}

/// Gives one input its shape.
class InputEditor {
 public:
  InputEditor(const Document& document, Layer& layer) : layer_(layer) {
    if (document.legacy()) return;
    const std::string* shape = layer.attribute("shape");
    text_ = shape == nullptr ? std::string() : *shape;
  }

  void set(const Shape& shape) {
    const bool dynamic_rank = text_.find("...") != std::string::npos;
    const std::size_t rank = text_.empty() ? current().size() : entries(text_).size();
    if (!dynamic_rank && rank != shape.size())
      throw UsageError("the shape [" + join(shape) + "] has " + std::to_string(shape.size()) +
                       " dimensions, the input has " + std::to_string(rank));
    element_count(shape);
    write(join(shape), shape);
  }

  void set_batch(std::int64_t batch) {
    if (!text_.empty()) {
      std::vector<std::string> list = entries(text_);
      list.front() = std::to_string(batch);
      std::string joined;
      for (const std::string& entry : list) joined += (joined.empty() ? "" : ",") + entry;
      Shape dims = current();
      if (!dims.empty()) dims.front() = batch;
      return write(joined, dims);
    }
    Shape dims = current();
    if (dims.empty()) throw UsageError("the input has no dimension for a batch");
    dims.front() = batch;
    write({}, dims);
  }

 private:
  const Shape& current() const { return layer_.outputs.at(0).dims; }
  void write(const std::string& text, const Shape& dims) {
    if (!text_.empty()) layer_.set_attribute("shape", text);
    layer_.outputs.at(0).dims = dims;
  }

  Layer& layer_;
  std::string text_;
};

const Shape* find_shape(const InputShapes& shapes, const std::string& name) {
  const Shape* open = nullptr;
  for (const auto& [wanted, shape] : shapes.shapes) {
    if (wanted == name) return &shape;
    if (wanted.empty()) open = &shape;
  }
  return open;
}

}  // namespace

Document reshape(const Document& document, const InputShapes& shapes) {
  if (shapes.empty()) return document;
  if (shapes.batch && *shapes.batch < 1) throw UsageError("the batch must be at least 1");
  Document result = document;
  result.reshaped = true;
  std::set<std::string> known;
  for (Layer& layer : result.layers) {
    if (!is_input(document, layer)) {
      // The parts of a Split are stated nowhere else.
      const bool stated = equal_ignoring_case(layer.type, "Const") ||
                          equal_ignoring_case(layer.type, "Split") ||
                          equal_ignoring_case(layer.type, "Slice");
      if (document.legacy() && !stated)
        for (Port& port : layer.outputs) port.dims.clear();
      continue;
    }
    known.insert(layer.name);
    in_context({document.xml_path.string(), layer.name, {}}, [&] {
      if (const Shape* shape = find_shape(shapes, layer.name))
        InputEditor(document, layer).set(*shape);
      else if (shapes.batch)
        InputEditor(document, layer).set_batch(*shapes.batch);
    });
  }
  for (const auto& [name, shape] : shapes.shapes)
    if (!name.empty() && !known.contains(name))
      throw UsageError("the network has no input of this name", {document.xml_path.string(), name, {}});
  return result;
}

std::vector<std::int64_t> fit_batch(std::vector<std::int64_t> target, const Shape& input) {
  if (target.empty() || std::find(target.begin(), target.end(), -1) != target.end()) return target;
  std::int64_t rest = 1;
  for (std::size_t d = 0; d < target.size(); ++d) {
    if (target[d] == 0 && d < input.size()) target[d] = input[d];
    if (d == 0 || target[d] <= 1) continue;
    if (target[d] > (std::int64_t{1} << 40) / rest) return target;
    rest *= target[d];
  }
  const std::int64_t elements = element_count(input);
  if (elements % rest == 0) target.front() = elements / rest;
  return target;
}

}  // namespace refcalib::engine::ir
