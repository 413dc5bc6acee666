#pragma once

#include <cstdint>
#include <string>

namespace refcalib::engine {

/// "EmbeddingBag": rows of a table [n, …], summed bag by bag into [bags, …]. Inputs: table, indices, then positions unless the form is
/// packed, then a weight per index if `weighted`. form:
///   packed    indices [bags, k], a bag per line
///   offsets   indices [k], positions [bags]: where each bag begins; it ends where the next one begins
///   segments  indices [k], positions [k], ascending: the bag that each index belongs to
/// An empty bag gives row `default_index` of the table, zeros if that is negative. Rows and bags outside the table and the result do not
/// take part. mean: the sum is divided by the number of indices.
struct EmbeddingBagAttributes {
  std::string form = "packed";
  std::int64_t bags = 0;  ///< form segments; else it follows from the inputs
  std::int64_t default_index = -1;
  bool weighted = false;
  bool mean = false;

  template <class V>
  void visit(V& v) {
    v("form", form);
    v("bags", bags);
    v("default_index", default_index);
    v("weighted", weighted);
    v("mean", mean);
  }
};

}  // namespace refcalib::engine
