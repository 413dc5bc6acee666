#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "apps/refcalib/agreement.h"
#include "engine/runtime/program.h"

namespace refcalib::app {

/// One value of the reference network and how far the same value of the other network lies from it.
struct LayerDifference {
  std::string value;
  std::string precision;  ///< of the other network's step
  std::size_t elements = 0;
  double cosine = 0, worst_cosine = 1;  ///< mean and worst over runs
  double sqnr_db = 0, max_error = 0;
  bool output = false;    ///< of the network
  bool same_size = true;  ///< false: the two have different sizes, the figures mean nothing
};

/// Runs two networks on the same inputs and compares all values that have the same name in both, while they
/// are written, and outputs of different names by their places, if none has a partner of its name. Keeps the values of one run of the
/// reference in memory.
class LayerComparison {
 public:
  LayerComparison(const engine::Program& reference, const engine::Program& other);
  ~LayerComparison();

  /// One run of both; inputs are filled. Throws std::bad_alloc.
  void run(engine::Session& reference, engine::Session& other);

  /// Values in the order of the reference's steps; those that never met a partner are left out.
  std::vector<LayerDifference> differences() const;
  /// Outputs of different names that are compared: of the reference, of the other.
  const std::vector<std::pair<std::string, std::string>>& paired() const noexcept { return paired_; }
  /// Values of the reference without a partner.
  std::size_t unmatched() const;

 private:
  struct Entry;
  class Keeper;
  class Comparer;

  std::vector<Entry> entries_;
  void pair_outputs(const engine::Program& reference, const engine::Program& other);

  std::map<std::string, std::size_t> by_name_;
  std::map<std::string, std::size_t> partners_;  ///< by names of the other network
  std::vector<std::pair<std::string, std::string>> paired_;
};

}  // namespace refcalib::app
