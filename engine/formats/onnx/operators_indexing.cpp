#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

void read_gather(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  const std::int64_t axis = NodeReader::axis(reader.integer("axis", 0), reader.shape(0).size());
  reader.add({"Gather", 8}, {}, {reader.input(0), reader.input(1), reader.i64_scalar("axis", axis)});
}

void read_gather_elements(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add({"GatherElements", 6}, {{"axis", std::to_string(reader.integer("axis", 0))}},
             {reader.input(0), reader.input(1)});
}

void read_gather_nd(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add({"GatherND", 8}, {{"batch_dims", std::to_string(reader.integer("batch_dims", 0))}},
             {reader.input(0), reader.input(1)});
}

/// The reduction in the words of the IR.
std::string reduction(const NodeReader& reader) {
  const std::string word = reader.word("reduction", "none");
  if (word == "add") return "sum";
  if (word == "mul") return "prod";
  return word;
}

void read_scatter_elements(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  reader.add({"ScatterElementsUpdate", 12}, {{"reduction", reduction(reader)}, {"use_init_val", "true"}},
             {reader.input(0), reader.input(1), reader.input(2),
              reader.i64_scalar("axis", reader.integer("axis", 0))});
}

void read_scatter_nd(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  const std::string word = reduction(reader);
  ir::AttributeTexts texts;
  if (word != "none") texts.emplace_back("reduction", word);
  reader.add({"ScatterNDUpdate", word == "none" ? 3 : 15}, std::move(texts),
             {reader.input(0), reader.input(1), reader.input(2)});
}

/// Indices from the end are negative.
ValueId wrapped(NodeReader& reader, std::int64_t depth) {
  const std::string type(to_string(reader.dtype(0)));
  const auto number = [&](const std::string& name, std::int64_t value) {
    return reader.helper({"Convert", 1}, name, {{"destination_type", type}},
                         {reader.i64_scalar(name + "/i64", value)});
  };
  const ValueId x = reader.input(0);
  const ValueId below = reader.helper({"Less", 1}, "below", {}, {x, number("zero", 0)});
  const ValueId raised = reader.helper({"Add", 1}, "raised", {}, {x, number("depth", depth)});
  return reader.helper({"Select", 1}, "indices", {}, {below, raised, x});
}

void read_one_hot(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  const std::vector<std::int64_t> depth = reader.ints(1);
  if (depth.size() != 1) throw FormatError("the depth is not a single number");
  if (element_count(reader.shape(2)) != 2) throw FormatError("the values are not two");
  const auto pick = [&](const char* suffix, std::int64_t index) {
    return reader.helper({"Gather", 8}, suffix, {},
                         {reader.input(2), reader.i64_scalar(std::string(suffix) + "/index", index),
                          reader.i64_scalar(std::string(suffix) + "/axis", 0)});
  };
  const ValueId off = pick("off", 0), on = pick("on", 1);
  reader.add({"OneHot", 1}, {{"axis", std::to_string(reader.integer("axis", -1))}},
             {wrapped(reader, depth.front()), reader.i64_scalar("depth/i64", depth.front()), on, off});
}

void read_non_zero(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  reader.add({"NonZero", 3}, {{"output_type", "i64"}}, {reader.input(0)});
}

constexpr Operator kOperators[] = {
    {"Gather", 1, kNewest, read_gather, OnIntegers::kept},
    {"GatherElements", 11, kNewest, read_gather_elements, OnIntegers::kept},
    {"GatherND", 11, kNewest, read_gather_nd, OnIntegers::kept},
    {"Scatter", 9, 10, read_scatter_elements},
    {"ScatterElements", 11, kNewest, read_scatter_elements},
    {"ScatterND", 11, kNewest, read_scatter_nd},
    {"OneHot", 9, kNewest, read_one_hot},
    {"NonZero", 9, kNewest, read_non_zero},
};

}  // namespace

std::span<const Operator> indexing_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
