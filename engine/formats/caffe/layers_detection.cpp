#include <limits>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::caffe {
namespace {

std::string list(const google::protobuf::RepeatedField<float>& values) {
  return ir::format_floats({values.data(), static_cast<std::size_t>(values.size())});
}

/// Boxes around the cells of bottom 0 in a picture of the size of bottom 1, [1, 2, n]: corners, then variances.
void read_prior_box(CaffeLayer& layer) {
  layer.expect_inputs(2, 2);
  const proto::PriorBoxParameter& p = layer.parameter().prior_box_param();
  for (std::size_t i = 0; i < 2; ++i)
    if (layer.shape(i).size() != 4) throw FormatError("a bottom has the shape " + to_string(layer.shape(i)));
  if (p.min_size_size() == 0) throw FormatError("min_size is missing");
  if (p.has_step_h() != p.has_step_w() || p.step_h() != p.step_w())
    throw UnsupportedError("different steps in height and width are not supported");
  if (p.variance_size() != 0 && p.variance_size() != 1 && p.variance_size() != 4)
    throw FormatError("there are " + std::to_string(p.variance_size()) + " variances; expected are 1 or 4");
  const Shape &cells = layer.shape(0), &picture = layer.shape(1);
  std::int64_t height = picture[2], width = picture[3];
  if (p.has_img_size()) height = width = p.img_size();
  if (p.has_img_h() && p.has_img_w()) {
    height = p.img_h();
    width = p.img_w();
  }
  const float step = p.has_step_h() ? p.step_h() : p.step();
  const ValueId boxes = layer.helper(
      {"PriorBox", 8}, "boxes",
      {{"min_size", list(p.min_size())},
       {"max_size", list(p.max_size())},
       {"aspect_ratio", list(p.aspect_ratio())},
       {"flip", p.flip() ? "true" : "false"},
       {"clip", p.clip() ? "true" : "false"},
       {"step", ir::format_float(step)},
       {"offset", ir::format_float(p.offset())},
       {"variance", p.variance_size() == 0 ? "0.1" : list(p.variance())},
       {"scale_all_sizes", "true"},
       {"min_max_aspect_ratios_order", "true"}},
      {layer.integers("cells", {cells[2], cells[3]}), layer.integers("picture", {height, width})});
  layer.add({"Unsqueeze", 1}, {}, {boxes, layer.integers("axis", {0})});
}

void read_detection_output(CaffeLayer& layer) {
  layer.expect_inputs(3, 3);
  const proto::DetectionOutputParameter& p = layer.parameter().detection_output_param();
  if (p.code_type() == proto::PriorBoxParameter::CORNER_SIZE)
    throw UnsupportedError("code_type CORNER_SIZE is not supported");
  if (p.nms_param().eta() != 1) throw UnsupportedError("nms_param with an eta other than 1 is not supported");
  const std::string code = p.code_type() == proto::PriorBoxParameter::CENTER_SIZE ? "CENTER_SIZE" : "CORNER";
  const float confidence =
      p.has_confidence_threshold() ? p.confidence_threshold() : std::numeric_limits<float>::lowest();
  layer.add({"DetectionOutput", 1},
            {{"num_classes", std::to_string(p.num_classes())},
             {"background_label_id", std::to_string(p.background_label_id())},
             {"top_k", std::to_string(p.nms_param().has_top_k() ? p.nms_param().top_k() : -1)},
             {"keep_top_k", std::to_string(p.keep_top_k())},
             {"variance_encoded_in_target", p.variance_encoded_in_target() ? "true" : "false"},
             {"code_type", "caffe.PriorBoxParameter." + code},
             {"share_location", p.share_location() ? "true" : "false"},
             {"nms_threshold", ir::format_float(p.nms_param().nms_threshold())},
             {"confidence_threshold", ir::format_float(confidence)},
             {"clip_before_nms", "false"},
             {"clip_after_nms", "false"},
             {"decrease_label_id", "false"},
             {"normalized", "true"},
             {"input_height", "1"},
             {"input_width", "1"},
             {"objectness_score", "0"}},
            layer.inputs());
}

constexpr LayerType kTypes[] = {
    {"PriorBox", read_prior_box},
    {"DetectionOutput", read_detection_output},
};

}  // namespace

std::span<const LayerType> detection_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
