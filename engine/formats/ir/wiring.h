#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// The edges of a document in terms of positions: layers by their place in the file, ports by their rank.
/// Valid for documents that check_document accepts, and as long as the document does not change.
class Wiring {
 public:
  struct Source {
    std::size_t layer = 0, output = 0;
  };

  explicit Wiring(const Document& document);

  /// What feeds input `rank` of a layer; nothing for a port without an edge.
  std::optional<Source> source(std::size_t layer, std::size_t rank) const {
    return sources_.at(layer).at(rank);
  }
  std::size_t input_count(std::size_t layer) const { return sources_.at(layer).size(); }
  bool is_read(std::size_t layer, std::size_t output) const { return read_.contains({layer, output}); }

  /// Layers in topological order; among those that could come next, the first in the file does.
  std::vector<std::size_t> order() const;
  /// Layers from which a layer of `roots` can be reached, the roots included.
  std::vector<bool> leading_to(const std::vector<std::size_t>& roots) const;

 private:
  std::vector<std::vector<std::optional<Source>>> sources_;
  std::set<std::pair<std::size_t, std::size_t>> read_;
};

}  // namespace refcalib::engine::ir
