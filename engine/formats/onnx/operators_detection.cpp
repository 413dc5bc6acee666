#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

/// As many rows as there can be; those that are not in use are -1.
void read_non_max_suppression(NodeReader& reader) {
  reader.expect_inputs(2, 5);
  std::vector<ValueId> inputs{reader.input(0), reader.input(1)};
  const std::int64_t most = reader.has_input(2) ? reader.ints(2).at(0) : 0;
  inputs.push_back(reader.i64_scalar("most", most));
  const auto threshold = [&](std::size_t rank, const char* suffix) {
    return reader.f32(suffix, reader.has_input(rank) ? static_cast<float>(reader.scalar(rank)) : 0.0F);
  };
  inputs.push_back(threshold(3, "iou_threshold"));
  inputs.push_back(threshold(4, "score_threshold"));
  reader.add({"NonMaxSuppression", 9},
             {{"box_encoding", reader.integer("center_point_box", 0) != 0 ? "center" : "corner"},
              {"sort_result_descending", "false"},
              {"output_type", "i64"}},
             std::move(inputs), 3);
}

/// Before version 16 regions are not aligned to pixel centres.
void read_roi_align(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  std::string aligned = "asymmetric";
  if (reader.opset() >= 16) {
    const std::string mode = reader.word("coordinate_transformation_mode", "half_pixel");
    if (mode != "half_pixel" && mode != "output_half_pixel")
      throw FormatError("attribute 'coordinate_transformation_mode' has the unknown value '" + mode + "'");
    if (mode == "half_pixel") aligned = "half_pixel_for_nn";
  }
  reader.add({"ROIAlign", 9},
             {{"pooled_h", std::to_string(reader.integer("output_height", 1))},
              {"pooled_w", std::to_string(reader.integer("output_width", 1))},
              {"sampling_ratio", std::to_string(reader.integer("sampling_ratio", 0))},
              {"spatial_scale", ir::format_float(static_cast<float>(reader.real("spatial_scale", 1)))},
              {"mode", reader.word("mode", "avg")},
              {"aligned_mode", aligned}},
             {reader.input(0), reader.input(1), reader.input(2)});
}

constexpr Operator kOperators[] = {
    {"NonMaxSuppression", 10, kNewest, read_non_max_suppression},
    {"RoiAlign", 10, kNewest, read_roi_align},
};

}  // namespace

std::span<const Operator> detection_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
