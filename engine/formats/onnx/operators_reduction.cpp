#include <algorithm>
#include <numeric>

#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

struct Axes {
  std::vector<std::int64_t> list;
  bool keep = true;
};

/// All dimensions if none is named, unless the node says that none is meant then.
Axes axes_of(const NodeReader& reader) {
  const std::size_t rank = reader.shape(0).size();
  Axes axes{reader.ints_of("axes", 1), reader.integer("keepdims", 1) != 0};
  for (std::int64_t& axis : axes.list) axis = NodeReader::axis(axis, rank);
  if (axes.list.empty() && reader.integer("noop_with_empty_axes", 0) == 0) {
    axes.list.resize(rank);
    std::iota(axes.list.begin(), axes.list.end(), 0);
  }
  return axes;
}

ValueId reduced(NodeReader& reader, ir::OpsetType type, std::string_view suffix, ValueId x,
                const Axes& axes) {
  return reader.helper(type, suffix, {{"keep_dims", axes.keep ? "true" : "false"}},
                       {x, reader.i64("axes", axes.list)});
}

void reduce(NodeReader& reader, std::string_view type, int opset = 1) {
  reader.expect_inputs(1, 2);
  const Axes axes = axes_of(reader);
  if (axes.list.empty()) return reader.add_reshape(reader.input(0), reader.shape(0));
  reader.add({type, opset}, {{"keep_dims", axes.keep ? "true" : "false"}},
             {reader.input(0), reader.i64("axes", axes.list)});
}

void read_sum_square(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const Axes axes = axes_of(reader);
  const ValueId square = reader.helper({"Multiply", 1}, "square", {}, {reader.input(0), reader.input(0)});
  if (axes.list.empty()) return reader.add_reshape(square, reader.shape(0));
  reader.add({"ReduceSum", 1}, {{"keep_dims", axes.keep ? "true" : "false"}},
             {square, reader.i64("axes", axes.list)});
}

void read_log_sum(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const Axes axes = axes_of(reader);
  const ValueId sum =
      axes.list.empty() ? reader.input(0) : reduced(reader, {"ReduceSum", 1}, "sum", reader.input(0), axes);
  reader.add({"Log", 1}, {}, {sum});
}

/// log(sum(exp(x - max))) + max, which does not overflow.
void read_log_sum_exp(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const Axes axes = axes_of(reader);
  if (axes.list.empty()) return reader.add_reshape(reader.input(0), reader.shape(0));
  const ValueId x = reader.input(0), largest = reduced(reader, {"ReduceMax", 1}, "max", x, {axes.list, true});
  const ValueId shifted = reader.helper({"Subtract", 1}, "shifted", {}, {x, largest});
  const ValueId powers = reader.helper({"Exp", 1}, "exp", {}, {shifted});
  const ValueId sum = reduced(reader, {"ReduceSum", 1}, "sum", powers, axes);
  const ValueId log = reader.helper({"Log", 1}, "log", {}, {sum});
  const Shape shape = reader.builder().value(log).shape;
  reader.add({"Add", 1}, {}, {log, reader.reshaped(largest, "max/shape", shape)});
}

/// The best element's position, the first of equal ones.
void arg(NodeReader& reader, const char* mode) {
  reader.expect_inputs(1, 1);
  if (reader.integer("select_last_index", 0) != 0)
    throw UnsupportedError("the last of equal elements (attribute 'select_last_index') is not supported");
  const std::int64_t axis = NodeReader::axis(reader.integer("axis", 0), reader.shape(0).size());
  const bool keep = reader.integer("keepdims", 1) != 0;
  const std::string name = reader.builder().unique_name(reader.name() + "/best");
  const std::vector<ValueId> best = reader.builder().add(
      {"TopK", 3}, name,
      {{"axis", std::to_string(axis)}, {"mode", mode}, {"sort", "value"}, {"index_element_type", "i64"}},
      {reader.input(0), reader.i64_scalar("k", 1)}, 2);
  Shape shape = reader.builder().value(best.at(1)).shape;
  if (!keep) shape.erase(shape.begin() + axis);
  reader.add_reshape(best.at(1), std::move(shape));
}

void read_top_k(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const std::int64_t axis = NodeReader::axis(reader.integer("axis", -1), reader.shape(0).size());
  const std::vector<std::int64_t> k =
      reader.has_input(1) ? reader.ints(1) : std::vector<std::int64_t>{reader.integer("k")};
  if (k.size() != 1) throw FormatError("the number of elements is not a single number");
  reader.add({"TopK", 3},
             {{"axis", std::to_string(axis)},
              {"mode", reader.integer("largest", 1) != 0 ? "max" : "min"},
              {"sort", "value"},
              {"index_element_type", "i64"}},
             {reader.input(0), reader.i64_scalar("k", k.front())}, 2);
}

void read_cum_sum(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add({"CumSum", 3},
             {{"exclusive", reader.integer("exclusive", 0) != 0 ? "true" : "false"},
              {"reverse", reader.integer("reverse", 0) != 0 ? "true" : "false"}},
             {reader.input(0), reader.input(1)});
}

constexpr Operator kOperators[] = {
    {"ReduceMean", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceMean"); }},
    {"ReduceSum", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceSum"); }},
    {"ReduceMax", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceMax"); }},
    {"ReduceMin", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceMin"); }},
    {"ReduceProd", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceProd"); }},
    {"ReduceL1", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceL1", 4); }},
    {"ReduceL2", 1, kNewest, [](NodeReader& r) { reduce(r, "ReduceL2", 4); }},
    {"ReduceSumSquare", 1, kNewest, read_sum_square},
    {"ReduceLogSum", 1, kNewest, read_log_sum},
    {"ReduceLogSumExp", 1, kNewest, read_log_sum_exp},
    {"ArgMax", 1, kNewest, [](NodeReader& r) { arg(r, "max"); }},
    {"ArgMin", 1, kNewest, [](NodeReader& r) { arg(r, "min"); }},
    {"TopK", 1, kNewest, read_top_k},
    {"CumSum", 11, kNewest, read_cum_sum},
};

}  // namespace

std::span<const Operator> reduction_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
