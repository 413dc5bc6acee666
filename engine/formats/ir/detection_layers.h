#pragma once

#include "engine/formats/ir/layer_reader.h"
#include "engine/ops/detection_output.h"
#include "engine/ops/non_max_suppression.h"
#include "engine/ops/prior_box.h"
#include "engine/ops/proposal.h"

namespace refcalib::engine::ir {

// Attributes of detection layers that the legacy and the opset vocabulary spell alike, and translations that
// they share. Defaults that differ are set by the callers.

PriorBoxAttributes prior_box_attributes(const LayerReader& reader);
PriorBoxClusteredAttributes prior_box_clustered_attributes(const LayerReader& reader, bool clip_absent);
/// All but num_classes and keep_top_k.
DetectionOutputAttributes detection_output_attributes(const LayerReader& reader, bool normalized_absent,
                                                      double confidence_absent);
/// Proposal with one output, or two with the scores.
void add_proposal(LayerReader& reader, bool scores);
void add_region_yolo(LayerReader& reader);
void add_roi_pooling(LayerReader& reader);
void add_psroi_pooling(LayerReader& reader);
/// The thresholds from the constant inputs 2 to 5 into `attributes`, where they exist, and the node.
void add_non_max_suppression(LayerReader& reader, NonMaxSuppressionAttributes attributes);
/// The number in constant input `rank`, or `absent` if there is no such input.
double number_input(const LayerReader& reader, std::size_t rank, double absent);

}  // namespace refcalib::engine::ir
