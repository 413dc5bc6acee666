#include <algorithm>
#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/detection_layers.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/ops/class_suppression.h"
#include "engine/ops/roi.h"

namespace refcalib::engine::ir {
namespace {

void read_prior_box(LayerReader& reader, bool ordered) {
  reader.expect_inputs(2, 2);
  PriorBoxAttributes a = prior_box_attributes(reader);
  if (ordered) a.min_max_aspect_ratios_order = reader.boolean("min_max_aspect_ratios_order", true);
  reader.add("PriorBox", std::move(a), reader.inputs());
}

void read_prior_box_clustered(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  reader.add("PriorBoxClustered", prior_box_clustered_attributes(reader, true), reader.inputs());
}

/// Version 8 leaves the number of classes to the shapes; keep_top_k is a list whose first number counts.
void read_detection_output(LayerReader& reader, bool classes) {
  DetectionOutputAttributes a = detection_output_attributes(reader, false, 0);
  if (classes) {
    a.num_classes = reader.integer("num_classes");
    if (a.num_classes <= 0) throw FormatError("attribute 'num_classes' is not positive");
  }
  const std::vector<std::int64_t> keep = reader.integers("keep_top_k");
  if (keep.empty()) throw FormatError("attribute 'keep_top_k' is missing");
  a.keep_top_k = keep.front();
  reader.add("DetectionOutput", a, reader.inputs());
}

void read_roi_align(LayerReader& reader, bool aligned) {
  reader.expect_inputs(3, 3);
  const std::string mode = reader.word("mode", "");
  if (mode != "avg" && mode != "max")
    throw FormatError("attribute 'mode' has the unknown value '" + mode + "'");
  RoiAlignAttributes a;
  a.pooled_h = reader.integer("pooled_h");
  a.pooled_w = reader.integer("pooled_w");
  a.sampling_ratio = reader.integer("sampling_ratio");
  a.spatial_scale = reader.real("spatial_scale");
  a.max = mode == "max";
  if (aligned) a.aligned_mode = reader.word("aligned_mode", "asymmetric");
  reader.add("RoiAlign", std::move(a), reader.inputs());
}

/// "i64" or "i32".
bool index64(const LayerReader& reader) {
  const DType type = element_type(reader.word("output_type", "i64"));
  if (type != DType::i64 && type != DType::i32)
    throw FormatError("attribute 'output_type' is neither i64 nor i32");
  return type == DType::i64;
}

NonMaxSuppressionAttributes suppression(LayerReader& reader, std::size_t most_inputs) {
  reader.expect_inputs(2, most_inputs);
  const std::string encoding = reader.word("box_encoding", "corner");
  if (encoding != "corner" && encoding != "center")
    throw FormatError("attribute 'box_encoding' has the unknown value '" + encoding + "'");
  NonMaxSuppressionAttributes a;
  a.center = encoding == "center";
  a.sort_result_descending = reader.boolean("sort_result_descending", true);
  a.index64 = index64(reader);
  if (reader.input_count() > 2) {
    const std::vector<std::int64_t> most = reader.ints(2);
    if (most.size() != 1) throw FormatError("input 2 is not a single number");
    a.max_boxes = most.front();
  }
  return a;
}

/// Versions 1 and 3 give out no more rows than there are boxes, over all classes and images.
void read_first_suppression(LayerReader& reader) {
  NonMaxSuppressionAttributes a = suppression(reader, 5);
  const Shape &boxes = reader.shape(0), &scores = reader.shape(1);
  if (boxes.size() != 3 || scores.size() != 3)
    throw FormatError("boxes and scores have the shapes " + to_string(boxes) + " and " + to_string(scores));
  const std::int64_t most = std::clamp<std::int64_t>(a.max_boxes, 0, boxes[1]);
  a.rows = std::min(boxes[1], element_count({most, scores[1]}));
  add_non_max_suppression(reader, a);
}

void read_suppression_with_scores(LayerReader& reader) {
  NonMaxSuppressionAttributes a = suppression(reader, 6);
  a.scores = true;
  add_non_max_suppression(reader, a);
}

ClassSuppressionAttributes class_suppression(const LayerReader& reader) {
  ClassSuppressionAttributes a;
  a.sort = reader.word("sort_result_type", "none");
  if (a.sort == "classid") a.sort = "class";
  a.across_images = reader.boolean("sort_result_across_batch", false);
  a.index64 = index64(reader);
  a.normalized = reader.boolean("normalized", true);
  a.top_k = reader.integer("nms_top_k", -1);
  a.keep_top_k = reader.integer("keep_top_k", -1);
  a.background = reader.integer("background_class", -1);
  a.score_threshold = reader.real("score_threshold", 0);
  return a;
}

void read_matrix_nms(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  MatrixNmsAttributes a;
  a.common = class_suppression(reader);
  const std::string decay = reader.word("decay_function", "linear");
  if (decay != "linear" && decay != "gaussian")
    throw FormatError("attribute 'decay_function' has the unknown value '" + decay + "'");
  a.gaussian = decay == "gaussian";
  a.sigma = reader.real("gaussian_sigma", 2);
  a.post_threshold = reader.real("post_threshold", 0);
  reader.add("MatrixNms", std::move(a), reader.inputs(), 3);
}

/// Version 9 has a third input: the number of boxes of each image.
void read_multiclass_nms(LayerReader& reader, std::size_t most_inputs) {
  reader.expect_inputs(2, most_inputs);
  MulticlassNmsAttributes a;
  a.common = class_suppression(reader);
  a.iou_threshold = reader.real("iou_threshold", 0);
  a.eta = reader.real("nms_eta", 1);
  reader.add("MulticlassNms", std::move(a), reader.inputs(), 3);
}

constexpr std::array<OpsetLayer, 18> kLayers = {{
    {"priorbox", 1, 7, [](LayerReader& r) { read_prior_box(r, false); }},
    {"priorbox", 8, kNewest, [](LayerReader& r) { read_prior_box(r, true); }},
    {"priorboxclustered", 1, kNewest, read_prior_box_clustered},
    {"detectionoutput", 1, 7, [](LayerReader& r) { read_detection_output(r, true); }},
    {"detectionoutput", 8, kNewest, [](LayerReader& r) { read_detection_output(r, false); }},
    {"regionyolo", 1, kNewest, add_region_yolo},
    {"proposal", 1, 3, [](LayerReader& r) { add_proposal(r, false); }},
    {"proposal", 4, kNewest, [](LayerReader& r) { add_proposal(r, true); }},
    {"roipooling", 1, kNewest, add_roi_pooling},
    {"psroipooling", 1, kNewest, add_psroi_pooling},
    {"roialign", 3, 8, [](LayerReader& r) { read_roi_align(r, false); }},
    {"roialign", 9, kNewest, [](LayerReader& r) { read_roi_align(r, true); }},
    {"nonmaxsuppression", 1, 3, read_first_suppression},
    {"nonmaxsuppression", 4, 4, [](LayerReader& r) { add_non_max_suppression(r, suppression(r, 5)); }},
    {"nonmaxsuppression", 5, kNewest, read_suppression_with_scores},
    {"matrixnms", 8, kNewest, read_matrix_nms},
    {"multiclassnms", 8, 8, [](LayerReader& r) { read_multiclass_nms(r, 2); }},
    {"multiclassnms", 9, kNewest, [](LayerReader& r) { read_multiclass_nms(r, 3); }},
}};

}  // namespace

std::span<const OpsetLayer> opset_detection_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
