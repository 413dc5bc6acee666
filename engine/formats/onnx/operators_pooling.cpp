#include <algorithm>

#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"
#include "engine/formats/onnx/weighted.h"

namespace refcalib::engine::onnx {
namespace {

/// Windows that would begin behind the input are left out.
ir::AttributeTexts pooling_texts(const NodeReader& reader, std::size_t rank, bool dilations) {
  const std::vector<std::int64_t> kernel = reader.integers("kernel_shape");
  if (kernel.size() != rank)
    throw FormatError("attribute 'kernel_shape' has " + std::to_string(kernel.size()) + " values for " +
                      std::to_string(rank) + " spatial dimensions");
  ir::AttributeTexts texts = window_texts(reader, rank, dilations);
  texts.emplace_back("kernel", ir::format_integers(kernel));
  texts.emplace_back("rounding_type", reader.integer("ceil_mode", 0) != 0 ? "ceil_torch" : "floor");
  return texts;
}

void read_max_pool(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  ir::AttributeTexts texts = pooling_texts(reader, reader.spatial_rank(), true);
  if (reader.wants_output(1) && reader.integer("storage_order", 0) != 0)
    throw UnsupportedError("column-major indices (attribute 'storage_order') are not supported");
  texts.emplace_back("index_element_type", "i64");
  texts.emplace_back("axis", "0");
  reader.add({"MaxPool", 8}, std::move(texts), {reader.input(0)}, reader.wants_output(1) ? 2 : 1);
}

void read_average_pool(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const std::vector<std::int64_t> dilations = reader.integers("dilations");
  if (std::any_of(dilations.begin(), dilations.end(), [](std::int64_t d) { return d != 1; }))
    throw UnsupportedError("dilated average pooling is not supported");
  ir::AttributeTexts texts = pooling_texts(reader, reader.spatial_rank(), false);
  texts.emplace_back("exclude-pad", reader.integer("count_include_pad", 0) != 0 ? "false" : "true");
  reader.add({"AvgPool", 1}, std::move(texts), {reader.input(0)});
}

void global(NodeReader& reader, std::string_view type) {
  reader.expect_inputs(1, 1);
  std::vector<std::int64_t> axes;
  for (std::size_t d = 2; d < reader.shape(0).size(); ++d) axes.push_back(static_cast<std::int64_t>(d));
  if (axes.empty())
    throw FormatError("the input has the shape " + to_string(reader.shape(0)) +
                      " without spatial dimensions");
  reader.add({type, 1}, {{"keep_dims", "true"}}, {reader.input(0), reader.i64("axes", axes)});
}

constexpr Operator kOperators[] = {
    {"MaxPool", 1, kNewest, read_max_pool, OnIntegers::kept},
    {"AveragePool", 7, kNewest, read_average_pool},
    {"GlobalAveragePool", 1, kNewest, [](NodeReader& r) { global(r, "ReduceMean"); }},
    {"GlobalMaxPool", 1, kNewest, [](NodeReader& r) { global(r, "ReduceMax"); }, OnIntegers::kept},
};

}  // namespace

std::span<const Operator> pooling_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
