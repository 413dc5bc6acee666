#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/detection_layers.h"
#include "engine/formats/ir/legacy_layers.h"

namespace refcalib::engine::ir {
namespace {

/// Prior boxes depend on the sizes of their two inputs alone: they are constants [1, 2, n] of the graph.
template <class T>
void add_priors(LayerReader& reader, const char* op, T attributes) {
  reader.expect_inputs(2, 2);
  const auto size = [&](std::size_t rank, const char* suffix) {
    const Shape& shape = reader.shape(rank);
    if (shape.size() != 4)
      throw FormatError("input " + std::to_string(rank) + " has the shape " + to_string(shape) +
                        ", expected 4 dimensions");
    return reader.constant_value(suffix, Constant::i64_vector({shape[2], shape[3]}));
  };
  const ValueId grid = size(0, "grid"), image = size(1, "image");
  const ValueId priors = reader.helper(op, "priors", std::move(attributes), {grid, image});
  const Constant constant = reader.builder().graph().value(priors).constant;
  reader.set_outputs(
      {reader.builder().constant(reader.name(), constant.reshaped({1, 2, constant.count() / 2}))});
}

void read_detection_output(LayerReader& reader) {
  DetectionOutputAttributes a =
      detection_output_attributes(reader, true, -static_cast<double>(std::numeric_limits<float>::max()));
  a.num_classes = reader.integer("num_classes");
  if (a.num_classes <= 0) throw FormatError("attribute 'num_classes' is not positive");
  a.keep_top_k = reader.integer("keep_top_k", -1);
  reader.add("DetectionOutput", a, reader.inputs());
}

/// As many rows as the file declares.
void read_non_max_suppression(LayerReader& reader) {
  reader.expect_inputs(2, 5);
  NonMaxSuppressionAttributes a;
  a.center = reader.boolean("center_point_box", false);
  a.sort_result_descending = reader.boolean("sort_result_descending", true);
  a.index64 = false;
  a.drop_equal = false;
  a.max_boxes = std::numeric_limits<std::int64_t>::max();
  if (reader.input_count() > 2) {
    const std::vector<std::int64_t> most = reader.ints(2);
    if (most.size() != 1) throw FormatError("input 2 is not a single number");
    a.max_boxes = most.front();
  }
  a.iou_threshold = 1;
  const auto& outputs = reader.layer().outputs;
  if (!outputs.empty() && outputs[0].dims.size() == 2) a.rows = outputs[0].dims[0];
  add_non_max_suppression(reader, a);
}

/// Anchors of 16 pixels and three ratios. Scores are what has fewer channels of the first two inputs.
void read_simpler_nms(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  ProposalAttributes a;
  a.base_size = 16;
  a.min_size = reader.integer("min_bbox_size");
  a.feat_stride = reader.integer("feat_stride");
  a.pre_nms_topn = reader.integer("pre_nms_topn");
  a.post_nms_topn = reader.integer("post_nms_topn");
  a.nms_thresh = reader.real("iou_threshold");
  a.ratio = {0.5F, 1, 2};
  a.scale = reader.floats("scale");
  a.simpler_nms = true;
  std::vector<ValueId> inputs = reader.inputs();
  if (reader.shape(0).size() == 4 && reader.shape(1).size() == 4 && reader.shape(0)[1] > reader.shape(1)[1])
    std::swap(inputs[0], inputs[1]);
  reader.add("Proposal", std::move(a), std::move(inputs));
}

constexpr std::array<LegacyLayer, 9> kLayers = {{
    {"priorbox", [](LayerReader& r) { add_priors(r, "PriorBox", prior_box_attributes(r)); }},
    {"priorboxclustered",
     [](LayerReader& r) { add_priors(r, "PriorBoxClustered", prior_box_clustered_attributes(r, false)); }},
    {"detectionoutput", read_detection_output},
    {"regionyolo", add_region_yolo},
    {"proposal", [](LayerReader& r) { add_proposal(r, r.layer().outputs.size() > 1); }},
    {"simplernms", read_simpler_nms},
    {"roipooling", add_roi_pooling},
    {"psroipooling", add_psroi_pooling},
    {"nonmaxsuppression", read_non_max_suppression},
}};

}  // namespace

std::span<const LegacyLayer> legacy_detection_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
