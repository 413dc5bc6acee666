#include "apps/refcalib/detection_report.h"

#include <algorithm>

#include "apps/refcalib/text.h"

namespace refcalib::app {
namespace {

constexpr double kLeastScore = 0.5, kLeastOverlap = 0.9;

bool lists_detections(const engine::Program& program, std::size_t i) {
  const engine::Shape& shape = program.outputs()[i].shape;
  const engine::Node* producer = program.graph().producer(program.graph().outputs[i]);
  return producer != nullptr && producer->op == "DetectionOutput" && shape.size() == 4 && shape[3] == 7;
}

std::string four_digits(float value) {
  return fixed(static_cast<double>(value), 4);
}

}  // namespace

std::optional<std::size_t> detection_output(const engine::Program& program) {
  for (std::size_t i = 0; i < program.outputs().size(); ++i)
    if (lists_detections(program, i)) return i;
  return std::nullopt;
}

std::string detection_lines(std::span<const float> rows, std::size_t image, double threshold) {
  std::vector<engine::Detection> seen = engine::read_detections(rows);
  std::erase_if(seen, [&](const engine::Detection& d) {
    return static_cast<std::size_t>(d.image) != image || !(static_cast<double>(d.score) >= threshold);
  });
  std::stable_sort(seen.begin(), seen.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  if (seen.empty()) return "  no box with a score of " + significant(threshold, 4) + " or more\n";
  std::string text;
  for (const engine::Detection& d : seen)
    text += "  label " + std::to_string(d.label) + "  score " + four_digits(d.score) + "  box " +
            four_digits(d.x1) + " " + four_digits(d.y1) + " " + four_digits(d.x2) + " " + four_digits(d.y2) +
            "\n";
  return text;
}

DetectionComparison::DetectionComparison(const engine::Program& reference, const engine::Program& other) {
  for (std::size_t i = 0; i < reference.outputs().size(); ++i)
    for (std::size_t k = 0; k < other.outputs().size(); ++k)
      if (reference.outputs()[i].name == other.outputs()[k].name && lists_detections(reference, i) &&
          lists_detections(other, k))
        pairs_.push_back({reference.outputs()[i].name, i, k, {}});
}

void DetectionComparison::add(const engine::Session& reference, const engine::Session& other) {
  for (Pair& pair : pairs_)
    pair.agreement.add(engine::read_detections(reference.output(pair.reference)),
                       engine::read_detections(other.output(pair.other)), kLeastScore, kLeastOverlap);
}

bool DetectionComparison::has(const std::string& value) const noexcept {
  return std::any_of(pairs_.begin(), pairs_.end(), [&](const Pair& pair) { return pair.name == value; });
}

double DetectionComparison::lowest_share() const noexcept {
  double lowest = 1;
  for (const Pair& pair : pairs_) lowest = std::min(lowest, pair.agreement.share());
  return lowest;
}

std::string DetectionComparison::text() const {
  std::string text;
  for (const Pair& pair : pairs_) {
    const engine::DetectionAgreement& a = pair.agreement;
    text += "detections '" + pair.name + "': " + std::to_string(a.matched) + " of " +
            std::to_string(a.reference) + " boxes above score " + significant(kLeastScore, 2) +
            " matched with IoU >= " + significant(kLeastOverlap, 2) + ", " + std::to_string(a.extra) +
            " only in the other, largest difference of scores " + significant(a.worst_score, 3) + "\n";
  }
  return text;
}

}  // namespace refcalib::app
