#include <numeric>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::caffe {
namespace {

std::vector<std::int64_t> axes_from(std::size_t first, std::size_t rank) {
  std::vector<std::int64_t> axes(rank > first ? rank - first : 0);
  std::iota(axes.begin(), axes.end(), static_cast<std::int64_t>(first));
  return axes;
}

void expect_channels(const CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  if (layer.shape().size() < 2)
    throw FormatError("the blob has the shape " + to_string(layer.shape()) + ", without channels");
}

/// Over channels x / (k + alpha / n * sum)^beta; within a channel sums run over n x n squares, and k is 1 whatever the file says.
void read_lrn(CaffeLayer& layer) {
  expect_channels(layer);
  const proto::LRNParameter& p = layer.parameter().lrn_param();
  const bool within = p.norm_region() == proto::LRNParameter::WITHIN_CHANNEL;
  if (within && layer.shape().size() != 4)
    throw FormatError("the blob has the shape " + to_string(layer.shape()) + "; expected is rank 4");
  if (p.local_size() % 2 == 0) throw FormatError("local_size is not odd");
  layer.add({"LRN", 1},
            {{"alpha", ir::format_float(p.alpha())},
             {"beta", ir::format_float(p.beta())},
             {"bias", ir::format_float(within ? 1.0F : p.k())},
             {"size", std::to_string(p.local_size())}},
            {layer.input(), layer.integers("axes", within ? std::vector<std::int64_t>{2, 3}
                                                          : std::vector<std::int64_t>{1})});
}

/// (x - mean) / (sqrt(variance) + eps) over space, or over all of a sample.
void read_mvn(CaffeLayer& layer) {
  expect_channels(layer);
  const proto::MVNParameter& p = layer.parameter().mvn_param();
  layer.add(
      {"MVN", 6},
      {{"eps", ir::format_float(p.eps())},
       {"normalize_variance", p.normalize_variance() ? "true" : "false"},
       {"eps_mode", "outside_sqrt"}},
      {layer.input(), layer.integers("axes", axes_from(p.across_channels() ? 1 : 2, layer.shape().size()))});
}

/// x / sqrt(sum of squares + eps) over the channels, or over all of a sample, times a trained factor.
void read_normalize(CaffeLayer& layer) {
  expect_channels(layer);
  const proto::NormalizeParameter& p = layer.parameter().norm_param();
  const std::vector<std::int64_t> axes =
      p.across_spatial() ? axes_from(1, layer.shape().size()) : std::vector<std::int64_t>{1};
  const ValueId unit =
      layer.helper({"NormalizeL2", 1}, "unit", {{"eps", ir::format_float(p.eps())}, {"eps_mode", "add"}},
                   {layer.input(), layer.integers("axes", axes)});
  const std::vector<float>& scale = layer.channel_blob(0, layer.shape()[1], "factors");
  const Shape dims{static_cast<std::int64_t>(scale.size())};
  layer.add({"Multiply", 1}, {}, {unit, layer.along("scale", 1, dims, scale)});
}

/// Sums over the dimensions from `axis` on.
void read_reduction(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::ReductionParameter& p = layer.parameter().reduction_param();
  const std::size_t axis = layer.axis(p.axis());
  ValueId data = layer.input();
  const char* type = "ReduceSum";
  int opset = 1;
  if (p.operation() == proto::ReductionParameter::MEAN) type = "ReduceMean";
  if (p.operation() == proto::ReductionParameter::ASUM) {
    type = "ReduceL1";
    opset = 4;
  }
  if (p.operation() == proto::ReductionParameter::SUMSQ)
    data = layer.helper({"Multiply", 1}, "squared", {}, {data, data});
  const std::vector<ValueId> inputs{data, layer.integers("axes", axes_from(axis, layer.shape().size()))};
  const ir::AttributeTexts texts{{"keep_dims", "false"}};
  if (p.coeff() == 1) return layer.add({type, opset}, texts, inputs);
  const ValueId sum = layer.helper({type, opset}, "sum", texts, inputs);
  Shape shape(layer.shape_of(sum).size(), 1);
  layer.add({"Multiply", 1}, {}, {sum, layer.floats("coeff", std::move(shape), {p.coeff()})});
}

/// Positions, as floats, or the elements themselves: along an axis; else of each sample, both on request, [N, 1 or 2, k, 1…].
void read_arg_max(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::ArgMaxParameter& p = layer.parameter().argmax_param();
  const Shape x = layer.shape();
  const std::int64_t k = p.top_k();
  const auto top = [&](ValueId data, std::size_t axis) {
    return layer.builder().add(
        {"TopK", 3}, layer.builder().unique_name(layer.name() + "/top"),
        {{"axis", std::to_string(axis)}, {"mode", "max"}, {"sort", "value"}, {"index_element_type", "i32"}},
        {data, layer.integer("k", k)}, 2);
  };
  const ir::AttributeTexts f32{{"destination_type", "f32"}};
  if (p.has_axis()) {
    const std::vector<ValueId> best = top(layer.input(), layer.axis(p.axis()));
    if (p.out_max_val()) return layer.set_output(0, best[0]);
    return layer.add({"Convert", 1}, f32, {best[1]});
  }
  if (x.empty()) throw FormatError("the blob has no samples");
  const ValueId flat = layer.helper({"Reshape", 1}, "flat", {{"special_zero", "true"}},
                                    {layer.input(), layer.integers("flat/shape", {0, -1})});
  const std::vector<ValueId> best = top(flat, 1);
  Shape one(std::max<std::size_t>(x.size(), 3), 1);
  one[0] = x[0];
  one[2] = k;
  const ValueId positions = layer.helper({"Convert", 1}, "positions", f32, {best[1]});
  const ValueId target = layer.integers("rows", one);
  const ir::AttributeTexts plain{{"special_zero", "false"}};
  if (!p.out_max_val()) return layer.add({"Reshape", 1}, plain, {positions, target});
  layer.add({"Concat", 1}, {{"axis", "1"}},
            {layer.helper({"Reshape", 1}, "positions/rows", plain, {positions, target}),
             layer.helper({"Reshape", 1}, "values/rows", plain, {best[0], target})});
}

constexpr LayerType kTypes[] = {
    {"LRN", read_lrn},        {"MVN", read_mvn}, {"Normalize", read_normalize}, {"Reduction", read_reduction},
    {"ArgMax", read_arg_max},
};

}  // namespace

std::span<const LayerType> normalization_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
