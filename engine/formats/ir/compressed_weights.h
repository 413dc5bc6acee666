#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/wiring.h"
#include "engine/graph/graph.h"

namespace refcalib::engine::ir {

/// The scales of weights that a v10/v11 file stores in integers: Const(i8 or u8) -> Convert -> [Subtract zero point] ->
/// Multiply scale, optionally behind a Reshape. The values fold to floats like all constants; the scales say which
/// integers they are.
class CompressedWeights {
 public:
  CompressedWeights(const Document& document, const Wiring& wiring) : document_(document), wiring_(wiring) {}

  /// Looks at a layer that has been translated to the constant `value`, which may have become floats on the way.
  void visit(std::size_t layer, const Graph& graph, ValueId value);
  /// Gives the weights of convolutions and matrix products the scales that visit() found, where each output channel has one.
  void apply(Graph& graph) const;

 private:
  /// Scales of consecutive blocks: element e has the scale number e / inner % scale.size().
  struct Scales {
    std::vector<float> scale;
    std::size_t inner = 1;
  };

  /// The scales of constant weights: their own if they still are integers, else what visit() found of the value or of the one that it
  /// is another shape of.
  std::optional<Scales> scales_of(const Graph& graph, ValueId value) const;
  bool is_type(std::size_t layer, std::string_view type) const noexcept;
  /// The integer constant behind an input of a layer, its Convert and Subtract included: true if it is one and its values, less
  /// the zero point, are integers of s8.
  bool reads_integers(std::size_t layer, std::size_t rank, const Graph& graph, ValueId product,
                      const Scales& scales) const;

  const Document& document_;
  const Wiring& wiring_;
  std::map<ValueId, Scales> found_;
  std::map<std::size_t, ValueId> values_;  ///< by layer
};

}  // namespace refcalib::engine::ir
