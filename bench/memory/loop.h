#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace refcalib_bench {

/// A loop that is bound by memory. An item is what it does again and again: one value, one pixel, one row.
struct Loop {
  /// The call over `items` items, from `in` to `out`; whatever else it needs it owns.
  using Make = std::function<std::function<void()>(const std::byte* in, std::byte* out, std::size_t items)>;

  std::string name;              ///< <unit>/<form>/<isa>
  double read_bytes = 0;         ///< of an item
  double written_bytes = 0;      ///< of an item
  std::size_t granularity = 64;  ///< items come in multiples of it
  Make make;
};

/// The toolkit's spans for every instruction set that the processor has.
std::vector<Loop> toolkit_loops();
/// The rows of the kernel tables that move, convert, pool and combine values.
std::vector<Loop> kernel_loops();

}  // namespace refcalib_bench
