#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/evaluation/dataset.h"
#include "engine/runtime/program.h"

namespace refcalib::app {

/// How far one output of a network moved from that of a reference, over samples.
struct OutputAgreement {
  std::string name;
  double cosine = 0;   ///< mean over samples
  double sqnr_db = 0;  ///< mean over samples of the finite ones; infinite if all are equal
  double max_error = 0;
};

struct Agreement {
  std::size_t samples = 0;
  std::vector<OutputAgreement> outputs;  ///< but for those that list detections
  std::string detections;                ///< a line for each of those, see DetectionComparison
  /// Percentage of samples with the same best class, if an output looks like a classification.
  std::optional<double> top1_percent;
};

/// The first output of shape [N,C] or [N,C,1,1…] with C >= 2; nullopt if there is none.
std::optional<std::size_t> classification_output(std::span<const engine::PortInfo> outputs);

/// Copies the inputs of one session into another one of a network with the same inputs.
/// Throws UsageError if names or sizes differ.
void copy_inputs(engine::Session& from, engine::Session& to);

/// Runs both sessions over the first `runs` runs of the data. Throws UsageError if inputs or outputs differ
/// in name or size.
Agreement measure_agreement(engine::Session& reference, engine::Session& other, engine::Dataset& dataset,
                            std::size_t runs);

/// Mean of decibels that may be infinite: infinite if all are, else the mean of the finite ones.
class MeanDecibels {
 public:
  void add(double decibels);
  double mean() const;

 private:
  double sum_ = 0;
  std::size_t finite_ = 0, below_ = 0;
};

}  // namespace refcalib::app
