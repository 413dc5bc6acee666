#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/evaluation/configuration/fields.h"
#include "engine/evaluation/sample.h"

namespace refcalib::engine {

/// A step between the adapter and the metrics.
class Postprocessor {
 public:
  virtual ~Postprocessor() = default;
  /// Changes the truth, the prediction, or both. Throws UsageError if they are of another kind than it needs.
  virtual void run(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const = 0;
};

/// What a step works on: `apply_to`.
struct ApplyTo {
  bool truth = false, prediction = false;
  /// Reads the field; `otherwise` is one of annotation, prediction, all.
  static ApplyTo read(Fields& fields, std::string_view otherwise);
};

/// A kind of step.
struct PostprocessorRecord {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Postprocessor> (*make)(Fields& fields, const DatasetMeta& meta) = nullptr;
  std::vector<std::string_view> aliases{};
};

/// All records, in the order of postprocessors.def.
std::span<const PostprocessorRecord* const> postprocessor_records() noexcept;

/// The step that an entry asks for. Throws FormatError with the place.
std::unique_ptr<Postprocessor> make_postprocessor(Fields& fields, const DatasetMeta& meta);

}  // namespace refcalib::engine
