#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/shape.h"
#include "engine/evaluation/configuration/fields.h"
#include "engine/evaluation/sample.h"

namespace refcalib::engine {

/// One output of a network after a run, in plain order.
struct NetworkOutput {
  std::string name;
  Shape shape;
  std::span<const float> values;
};

/// A run of the network as an adapter sees it.
struct NetworkRun {
  std::span<const NetworkOutput> outputs;
  std::size_t rows = 1;  ///< samples in the run

  /// The output of a name, or the first one if the name is empty. Throws UsageError with the names there are.
  const NetworkOutput& output(std::string_view name, std::string_view who) const;
  /// The part of an output that belongs to a row of the batch. Throws UsageError if it cannot be divided.
  std::span<const float> row(const NetworkOutput& output, std::size_t row) const;
};

/// What a network's outputs mean.
class Adapter {
 public:
  virtual ~Adapter() = default;
  /// The prediction for row `row` of a run. Throws UsageError naming the output that does not fit.
  virtual Prediction read(const NetworkRun& run, std::size_t row, const SampleGeometry& geometry) const = 0;
};

/// A kind of adapter.
struct AdapterRecord {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Adapter> (*make)(Fields& fields) = nullptr;
  std::vector<std::string_view> aliases{};
};

/// All records, in the order of adapters.def.
std::span<const AdapterRecord* const> adapter_records() noexcept;

/// The adapter that an entry asks for. Throws FormatError with the place.
std::unique_ptr<Adapter> make_adapter(Fields& fields);

}  // namespace refcalib::engine
