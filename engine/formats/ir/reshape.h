#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// Other shapes for the inputs of a network than its file states.
struct InputShapes {
  /// Shapes by name of the input; an empty name means every input that is not named.
  std::vector<std::pair<std::string, Shape>> shapes;
  std::optional<std::int64_t> batch;  ///< first dimension of every input that has no shape in the list

  bool empty() const noexcept { return shapes.empty() && !batch; }
};

/// The document with other input shapes. What a legacy file declares of later shapes does not count any more: all of them
/// follow from the inputs, and a Reshape that names the old batch takes the new one. Dynamic inputs of v10/v11 files become
/// static. Throws UsageError for an input that does not exist, a shape of another rank, or a batch for an input without
/// dimensions.
Document reshape(const Document& document, const InputShapes& shapes);

/// The dimensions of a Reshape in a reshaped document: where the elements do not fit, the first dimension takes the batch.
std::vector<std::int64_t> fit_batch(std::vector<std::int64_t> target, const Shape& input);

}  // namespace refcalib::engine::ir
