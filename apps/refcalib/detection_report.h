#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/evaluation/detections.h"
#include "engine/runtime/program.h"

namespace refcalib::app {

/// The first output that lists detections, [1, 1, n, 7]; nullopt if there is none.
std::optional<std::size_t> detection_output(const engine::Program& program);

/// One line for each detection of one image at or above a score, best first, each ending in '\n':
/// "  label 15  score 0.9617  box 0.3748 0.7221 0.4021 0.7512" (x1 y1 x2 y2 as shares of the image), or a line
/// that there is none.
std::string detection_lines(std::span<const float> rows, std::size_t image, double threshold);

/// What two networks see in the same inputs: boxes above a score of 0.5 that have a partner of the same image
/// and label with an overlap of at least 0.9, for every output of detections that both have.
class DetectionComparison {
 public:
  DetectionComparison(const engine::Program& reference, const engine::Program& other);

  /// After a run of both.
  void add(const engine::Session& reference, const engine::Session& other);

  /// True if the value is an output that is compared here.
  bool has(const std::string& value) const noexcept;
  /// 1 if there is nothing to compare.
  double lowest_share() const noexcept;
  /// One line for each output, each ending in '\n'.
  std::string text() const;

 private:
  struct Pair {
    std::string name;
    std::size_t reference, other;
    engine::DetectionAgreement agreement;
  };
  std::vector<Pair> pairs_;
};

}  // namespace refcalib::app
