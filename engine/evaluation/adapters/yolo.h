#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/evaluation/adapters/adapter.h"

namespace refcalib::engine {

/// One grid of a YOLO network: [anchors][coords + 1 + classes][rows][columns].
struct YoloGrid {
  std::span<const float> values;
  std::size_t rows = 0, columns = 0;
};

struct YoloRules {
  std::size_t classes = 80, coords = 4;
  double threshold = 0.001;
  /// The network ends in a plain convolution: x, y, objectness and classes still need a sigmoid.
  bool raw = false;
  /// yolo_v2: the class times the objectness is compared with the threshold; yolo_v3: the objectness alone.
  bool threshold_on_class = false;
};

/// Adds the detections of a grid, boxes as shares of what was fed. `anchors`: width and height of each
/// anchor, in cells divided by `unit_x`, `unit_y` (their number over the picture).
void read_yolo_grid(const YoloGrid& grid, const YoloRules& rules, std::span<const double> anchors,
                    double unit_x, double unit_y, BoxPrediction& into);

/// The anchors of a field: a name of `known`, or numbers.
std::vector<double> read_anchors(Fields& fields, std::string_view otherwise,
                                 const std::vector<std::pair<std::string_view, std::vector<double>>>& known);

/// The grid of a row of an output of shape [N, channels, rows, columns], or flat with square cells.
YoloGrid yolo_grid(const NetworkRun& run, const NetworkOutput& output, std::size_t row, std::size_t channels,
                   std::string_view who);

}  // namespace refcalib::engine
