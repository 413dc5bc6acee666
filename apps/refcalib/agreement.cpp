#include "apps/refcalib/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <refcalib/metrics.hpp>

#include "apps/refcalib/detection_report.h"
#include "engine/core/error.h"
#include "engine/evaluation/topk.h"

namespace refcalib::app {
namespace {

/// Number of the output of that name in another network.
std::size_t find_output(const engine::Program& program, const std::string& name) {
  const auto outputs = program.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].name == name) return i;
  throw engine::UsageError("the models differ: only one has an output '" + name + "'");
}

/// Sums over samples for one output.
struct Accumulator {
  std::size_t reference = 0, other = 0;  ///< numbers of the output
  double cosine = 0, max_error = 0;
  MeanDecibels sqnr{};

  void add(std::span<const float> expected, std::span<const float> actual) {
    cosine += refcalib::cosine(expected, actual);
    sqnr.add(refcalib::sqnr_db(expected, actual));
    const double error = refcalib::max_abs_error(expected, actual);
    max_error = std::isnan(error) ? error : std::max(max_error, error);
  }
};

std::vector<Accumulator> pair_outputs(const engine::Program& reference, const engine::Program& other) {
  std::vector<Accumulator> pairs;
  for (std::size_t i = 0; i < reference.outputs().size(); ++i) {
    const engine::PortInfo& port = reference.outputs()[i];
    const std::size_t partner = find_output(other, port.name);
    if (engine::element_count(other.outputs()[partner].shape) != engine::element_count(port.shape))
      throw engine::UsageError("the models differ: output '" + port.name + "' has shape " +
                               engine::to_string(port.shape) + " and " +
                               engine::to_string(other.outputs()[partner].shape));
    pairs.push_back({.reference = i, .other = partner});
  }
  return pairs;
}

bool same_best_class(std::span<const float> a, std::span<const float> b) {
  return engine::top_k(a, 1) == engine::top_k(b, 1);
}

}  // namespace

void MeanDecibels::add(double decibels) {
  if (decibels == std::numeric_limits<double>::infinity()) return;
  if (decibels == -std::numeric_limits<double>::infinity()) {
    ++below_;
    return;
  }
  sum_ += decibels;
  ++finite_;
}

double MeanDecibels::mean() const {
  if (finite_ > 0) return sum_ / static_cast<double>(finite_);
  return below_ > 0 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

std::optional<std::size_t> classification_output(std::span<const engine::PortInfo> outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const engine::Shape& shape = outputs[i].shape;
    if (shape.size() < 2 || shape[1] < 2) continue;
    if (std::all_of(shape.begin() + 2, shape.end(), [](std::int64_t n) { return n == 1; })) return i;
  }
  return std::nullopt;
}

void copy_inputs(engine::Session& from, engine::Session& to) {
  const auto inputs = from.program().inputs(), others = to.program().inputs();
  if (inputs.size() != others.size()) throw engine::UsageError("the models have different numbers of inputs");
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto partner = std::find_if(others.begin(), others.end(), [&](const engine::PortInfo& port) {
      return port.name == inputs[i].name;
    });
    // Networks of one input need no common name.
    const std::size_t to_index = inputs.size() == 1 ? 0 : static_cast<std::size_t>(partner - others.begin());
    if (to_index == others.size() || from.input(i).size() != to.input(to_index).size())
      throw engine::UsageError("the models differ in input '" + inputs[i].name + "'");
    std::ranges::copy(from.input(i), to.input(to_index).begin());
  }
}

Agreement measure_agreement(engine::Session& reference, engine::Session& other, engine::Dataset& dataset,
                            std::size_t runs) {
  auto pairs = pair_outputs(reference.program(), other.program());
  const auto classes = classification_output(reference.program().outputs());
  DetectionComparison detections(reference.program(), other.program());
  std::erase_if(pairs, [&](const Accumulator& pair) {
    return detections.has(reference.program().outputs()[pair.reference].name);
  });
  std::size_t valid_runs = 0, same = 0, compared = 0;
  Agreement result;
  for (std::size_t run = 0; run < std::min(runs, dataset.runs()); ++run) {
    if (!dataset.fill(reference, run)) continue;
    copy_inputs(reference, other);
    reference.run();
    other.run();
    ++valid_runs;
    detections.add(reference, other);
    for (Accumulator& pair : pairs) pair.add(reference.output(pair.reference), other.output(pair.other));
    const auto rows = dataset.rows();
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (!rows[row]) continue;
      ++result.samples;
      if (!classes || reference.output(pairs[*classes].reference).size() % rows.size() != 0) continue;
      const auto expected = reference.output(pairs[*classes].reference);
      const std::size_t size = expected.size() / rows.size();
      ++compared;
      same += same_best_class(expected.subspan(row * size, size),
                              other.output(pairs[*classes].other).subspan(row * size, size))
                  ? 1U
                  : 0U;
    }
  }
  for (const Accumulator& pair : pairs)
    result.outputs.push_back({reference.program().outputs()[pair.reference].name,
                              valid_runs == 0 ? 0.0 : pair.cosine / static_cast<double>(valid_runs),
                              pair.sqnr.mean(), pair.max_error});
  result.detections = detections.text();
  if (compared > 0) result.top1_percent = 100.0 * static_cast<double>(same) / static_cast<double>(compared);
  return result;
}

}  // namespace refcalib::app
