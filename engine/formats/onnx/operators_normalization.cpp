#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

std::string number(double value) {
  return ir::format_float(static_cast<float>(value));
}

void read_batch_normalization(NodeReader& reader) {
  reader.expect_inputs(5, 5);
  if (reader.integer("training_mode", 0) != 0)
    throw UnsupportedError("batch normalization in training mode is not supported",
                           {"", "", "export the model for inference"});
  reader.expect_outputs(1);
  reader.add({"BatchNormInference", 5}, {{"epsilon", number(reader.real("epsilon", 1e-5))}},
             {reader.input(0), reader.input(1), reader.input(2), reader.input(3), reader.input(4)});
}

std::vector<std::int64_t> axes_from(std::size_t first, std::size_t rank) {
  std::vector<std::int64_t> axes(rank - std::min(first, rank));
  std::iota(axes.begin(), axes.end(), static_cast<std::int64_t>(first));
  return axes;
}

ir::AttributeTexts mvn_texts(double epsilon) {
  return {{"eps", number(epsilon)}, {"normalize_variance", "true"}, {"eps_mode", "inside_sqrt"}};
}

void read_instance_normalization(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  const std::size_t rank = reader.shape(0).size();
  if (rank < 3)
    throw FormatError("the input has the shape " + to_string(reader.shape(0)) +
                      " without spatial dimensions");
  const ValueId normal = reader.helper({"MVN", 6}, "normal", mvn_texts(reader.real("epsilon", 1e-5)),
                                       {reader.input(0), reader.i64("axes", axes_from(2, rank))});
  const ValueId scale = reader.per_channel(reader.input(1), "scale", rank);
  const ValueId scaled = reader.helper({"Multiply", 1}, "scaled", {}, {normal, scale});
  reader.add({"Add", 1}, {}, {scaled, reader.per_channel(reader.input(2), "shift", rank)});
}

void read_layer_normalization(NodeReader& reader) {
  reader.expect_inputs(2, 3);
  reader.expect_outputs(1);
  const std::size_t rank = reader.shape(0).size();
  const auto first = static_cast<std::size_t>(NodeReader::axis(reader.integer("axis", -1), rank));
  const ValueId normal = reader.helper({"MVN", 6}, "normal", mvn_texts(reader.real("epsilon", 1e-5)),
                                       {reader.input(0), reader.i64("axes", axes_from(first, rank))});
  if (!reader.has_input(2)) {
    reader.add({"Multiply", 1}, {}, {normal, reader.input(1)});
    return;
  }
  const ValueId scaled = reader.helper({"Multiply", 1}, "scaled", {}, {normal, reader.input(1)});
  reader.add({"Add", 1}, {}, {scaled, reader.input(2)});
}

/// Version 18 has one scale and shift per group.
ValueId by_channel(NodeReader& reader, std::size_t rank, const char* suffix, std::int64_t groups) {
  const std::int64_t channels = reader.shape(0).at(1), given = element_count(reader.shape(rank));
  if (given == channels) return reader.input(rank);
  if (given != groups || channels % groups != 0)
    throw FormatError("input " + std::to_string(rank) + " has " + std::to_string(given) + " values for " +
                      std::to_string(channels) + " channels");
  const std::string name(suffix);
  const ValueId columns = reader.reshaped(reader.input(rank), name + "/groups", {groups, 1});
  const ValueId spread = reader.helper({"Tile", 1}, name + "/spread", {},
                                       {columns, reader.i64(name + "/repeats", {1, channels / groups})});
  return reader.reshaped(spread, name + "/channels", {channels});
}

void read_group_normalization(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  if (reader.shape(0).size() < 2) throw FormatError("the input has no channels");
  const std::int64_t groups = reader.integer("num_groups");
  if (groups < 1) throw FormatError("attribute 'num_groups' is " + std::to_string(groups));
  reader.add(
      {"GroupNormalization", 12},
      {{"num_groups", std::to_string(groups)}, {"epsilon", number(reader.real("epsilon", 1e-5))}},
      {reader.input(0), by_channel(reader, 1, "scale", groups), by_channel(reader, 2, "shift", groups)});
}

void read_mean_variance(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  std::vector<std::int64_t> axes = reader.integers("axes");
  if (axes.empty()) axes = {0, 2, 3};
  constexpr double epsilon = 1e-9;
  reader.add({"MVN", 6}, mvn_texts(epsilon), {reader.input(0), reader.i64("axes", std::move(axes))});
}

/// The window of an even size would not lie around its element.
void read_lrn(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const std::int64_t size = reader.integer("size");
  if (size % 2 == 0)
    throw UnsupportedError("a window of an even size (" + std::to_string(size) + ") is not supported");
  reader.add({"LRN", 1},
             {{"alpha", number(reader.real("alpha", 1e-4))},
              {"beta", number(reader.real("beta", 0.75))},
              {"bias", number(reader.real("bias", 1))},
              {"size", std::to_string(size)}},
             {reader.input(0), reader.i64("axes", {1})});
}

/// Vectors of zeros stay.
void read_lp_normalization(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const std::int64_t p = reader.integer("p", 2);
  const std::int64_t axis = NodeReader::axis(reader.integer("axis", -1), reader.shape(0).size());
  const ValueId axes = reader.i64("axes", {axis});
  if (p == 2) {
    reader.add({"NormalizeL2", 1}, {{"eps", "1e-30"}, {"eps_mode", "max"}}, {reader.input(0), axes});
    return;
  }
  if (p != 1) throw FormatError("attribute 'p' is " + std::to_string(p) + ", neither 1 nor 2");
  const ValueId norm =
      reader.helper({"ReduceL1", 4}, "norm", {{"keep_dims", "true"}}, {reader.input(0), axes});
  const ValueId safe = reader.helper({"Maximum", 1}, "positive", {}, {norm, reader.f32("smallest", 1e-30F)});
  reader.add({"Divide", 1}, {}, {reader.input(0), safe});
}

constexpr Operator kOperators[] = {
    {"BatchNormalization", 7, kNewest, read_batch_normalization},
    {"InstanceNormalization", 1, kNewest, read_instance_normalization},
    {"LayerNormalization", 17, kNewest, read_layer_normalization},
    {"GroupNormalization", 18, kNewest, read_group_normalization},
    {"MeanVarianceNormalization", 9, kNewest, read_mean_variance},
    {"LRN", 1, kNewest, read_lrn},
    {"LpNormalization", 1, kNewest, read_lp_normalization},
};

}  // namespace

std::span<const Operator> normalization_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
