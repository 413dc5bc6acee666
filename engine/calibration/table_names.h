#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/formats/tables/table.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Finds the entries of a table for the values of a network.
class TableNames {
 public:
  TableNames(const Graph& original, const Graph& simplified, const tables::CalibrationTable& table);

  /// The entries for a value of the simplified network: those of the layers that read it, and the one of the value itself or, in its
  /// absence, of what was fused into it, the last layer first.
  std::vector<const tables::ActivationEntry*> of(ValueId value) const;
  /// The entry for the weights of a layer, or nullptr.
  const tables::WeightEntry* weights_of(const Node& node) const;
  /// Names of the table that are none in the network, in the order of the table.
  std::vector<std::string> unmatched() const;
  /// All names that could be matched.
  std::set<std::string> known() const;

 private:
  using Entries = std::map<std::string, const tables::ActivationEntry*, std::less<>>;

  const tables::ActivationEntry* output_entry(ValueId value) const;

  const Graph& original_;
  const Graph& simplified_;
  const tables::CalibrationTable& table_;
  Entries outputs_, inputs_;
  std::map<std::string, const tables::WeightEntry*, std::less<>> weights_;
  std::set<std::string> observed_names_;  ///< of values that the simplified network still has
};

/// The name without what readers of formats add to it.
std::string plain_name(std::string name);

}  // namespace refcalib::engine
