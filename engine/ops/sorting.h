#pragma once

#include <cstdint>
#include <string>

namespace refcalib::engine {

/// "TopK": one input; outputs the k largest (smallest) elements along the axis, and their positions along it.
/// Among equal elements the lower position comes first; NaN counts as larger than everything.
struct TopKAttributes {
  std::int64_t axis = -1;
  std::int64_t k = 1;
  bool largest = true;
  bool sort_by_value = true;       ///< best first; else by ascending position
  std::string index_type = "i32";  ///< i32 | i64

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("k", k);
    v("largest", largest);
    v("sort_by_value", sort_by_value);
    v("index_type", index_type);
  }
};

/// "CumSum": one input; sums of the elements in front along the axis, from the end if `reverse`, without the element
/// itself if `exclusive`.
struct CumSumAttributes {
  std::int64_t axis = 0;
  bool exclusive = false, reverse = false;

  template <class V>
  void visit(V& v) {
    v("axis", axis);
    v("exclusive", exclusive);
    v("reverse", reverse);
  }
};

}  // namespace refcalib::engine
