#include "engine/formats/ir/detection_layers.h"

#include "engine/core/error.h"
#include "engine/ops/region_yolo.h"
#include "engine/ops/roi.h"

namespace refcalib::engine::ir {

PriorBoxAttributes prior_box_attributes(const LayerReader& reader) {
  PriorBoxAttributes a;
  a.min_size = reader.floats("min_size");
  a.max_size = reader.floats("max_size");
  a.aspect_ratio = reader.floats("aspect_ratio");
  a.fixed_size = reader.floats("fixed_size");
  a.fixed_ratio = reader.floats("fixed_ratio");
  a.density = reader.floats("density");
  a.variance = reader.floats("variance");
  a.step = reader.real("step", 0);
  a.offset = reader.real("offset");
  a.flip = reader.boolean("flip", false);
  a.clip = reader.boolean("clip", false);
  a.scale_all_sizes = reader.boolean("scale_all_sizes", true);
  return a;
}

PriorBoxClusteredAttributes prior_box_clustered_attributes(const LayerReader& reader, bool clip_absent) {
  PriorBoxClusteredAttributes a;
  a.width = reader.floats("width");
  a.height = reader.floats("height");
  a.variance = reader.floats("variance");
  const double step = reader.real("step", 0);
  a.step_w = reader.real("step_w", 0);
  a.step_h = reader.real("step_h", 0);
  if (a.step_w == 0 && a.step_h == 0) a.step_w = a.step_h = step;
  a.img_w = reader.real("img_w", 0);
  a.img_h = reader.real("img_h", 0);
  a.offset = reader.real("offset");
  a.clip = reader.boolean("clip", clip_absent);
  return a;
}

DetectionOutputAttributes detection_output_attributes(const LayerReader& reader, bool normalized_absent,
                                                      double confidence_absent) {
  DetectionOutputAttributes a;
  a.background_label_id = reader.integer("background_label_id", 0);
  a.top_k = reader.integer("top_k", -1);
  a.nms_threshold = reader.real("nms_threshold");
  a.confidence_threshold = reader.real("confidence_threshold", confidence_absent);
  a.objectness_score = reader.real("objectness_score", 0);
  a.share_location = reader.boolean("share_location", true);
  a.variance_encoded_in_target = reader.boolean("variance_encoded_in_target", false);
  // Any other string means corners, as in the engine that defined the layer.
  a.center_size = reader.word("code_type", "") == "caffe.priorboxparameter.center_size";
  a.clip_before_nms = reader.boolean("clip_before_nms", reader.boolean("clip", false));
  a.clip_after_nms = reader.boolean("clip_after_nms", false);
  a.decrease_label_id = reader.boolean("decrease_label_id", false);
  a.normalized = reader.boolean("normalized", normalized_absent);
  a.input_height = reader.integer("input_height", 1);
  a.input_width = reader.integer("input_width", 1);
  return a;
}

void add_proposal(LayerReader& reader, bool scores) {
  reader.expect_inputs(3, 3);
  ProposalAttributes a;
  a.base_size = reader.integer("base_size");
  a.min_size = reader.integer("min_size");
  a.feat_stride = reader.integer("feat_stride");
  a.pre_nms_topn = reader.integer("pre_nms_topn");
  a.post_nms_topn = reader.integer("post_nms_topn");
  a.nms_thresh = reader.real("nms_thresh");
  a.box_coordinate_scale = reader.real("box_coordinate_scale", 1);
  a.box_size_scale = reader.real("box_size_scale", 1);
  a.ratio = reader.floats("ratio");
  a.scale = reader.floats("scale");
  a.normalize = reader.boolean("normalize", false);
  a.clip_before_nms = reader.boolean("clip_before_nms", true);
  a.clip_after_nms = reader.boolean("clip_after_nms", false);
  a.tensorflow = reader.word("framework", "") == "tensorflow";
  a.scores = scores;
  reader.add("Proposal", std::move(a), reader.inputs(), scores ? 2 : 1);
}

void add_region_yolo(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  RegionYoloAttributes a;
  a.classes = reader.integer("classes");
  a.coords = reader.integer("coords");
  a.num = reader.integer("num");
  a.do_softmax = reader.boolean("do_softmax", true);
  a.mask = reader.integers("mask");
  a.axis = reader.integer("axis", 1);
  a.end_axis = reader.integer("end_axis", -1);
  reader.add("RegionYolo", std::move(a), {reader.input(0)});
}

void add_roi_pooling(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const std::string method = reader.word("method", "max");
  if (method != "max" && method != "bilinear")
    throw FormatError("attribute 'method' has the unknown value '" + method + "'");
  reader.add("RoiPooling",
             RoiPoolingAttributes{reader.integer("pooled_h"), reader.integer("pooled_w"),
                                  reader.real("spatial_scale"), method == "bilinear"},
             reader.inputs());
}

void add_psroi_pooling(LayerReader& reader) {
  reader.expect_inputs(2, 3);
  const std::string mode = reader.word("mode", "average");
  if (mode == "bilinear_deformable" || reader.input_count() == 3)
    throw UnsupportedError("deformable pooling of regions is not supported");
  if (mode != "average" && mode != "bilinear")
    throw FormatError("attribute 'mode' has the unknown value '" + mode + "'");
  PsRoiPoolingAttributes a;
  a.output_dim = reader.integer("output_dim");
  a.group_size = reader.integer("group_size", 1);
  a.spatial_bins_x = reader.integer("spatial_bins_x", 1);
  a.spatial_bins_y = reader.integer("spatial_bins_y", 1);
  a.spatial_scale = reader.real("spatial_scale");
  a.bilinear = mode == "bilinear";
  reader.add("PsRoiPooling", std::move(a), reader.inputs());
}

double number_input(const LayerReader& reader, std::size_t rank, double absent) {
  if (rank >= reader.input_count()) return absent;
  const Constant& constant = reader.constant(rank);
  if (constant.count() != 1) throw FormatError("input " + std::to_string(rank) + " is not a single number");
  return is_float(constant.dtype()) ? static_cast<double>(constant.to_floats().front())
                                    : static_cast<double>(constant.to_ints().front());
}

void add_non_max_suppression(LayerReader& reader, NonMaxSuppressionAttributes attributes) {
  attributes.iou_threshold = number_input(reader, 3, attributes.iou_threshold);
  attributes.score_threshold = number_input(reader, 4, attributes.score_threshold);
  attributes.soft_nms_sigma = number_input(reader, 5, attributes.soft_nms_sigma);
  const std::size_t outputs = attributes.scores ? 3 : 1;
  reader.add("NonMaxSuppression", attributes, {reader.input(0), reader.input(1)}, outputs);
}

}  // namespace refcalib::engine::ir
