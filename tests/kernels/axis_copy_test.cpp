#include "engine/kernels/axis_copy/axis_copy.h"

#include <cstring>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/guarded_buffer.hpp"
#include "tests/support/random.hpp"

using namespace refcalib::engine::kernels;
using refcalib_test::GuardedBuffer;
using refcalib_test::Random;
using refcalib_test::same_bytes;

namespace {

/// Extents of the axes, slowest first, and what lies between neighbours of the output.
struct Geometry {
  std::vector<std::int64_t> extents;
  std::int64_t slack = 0;   ///< elements behind each index of the last but one axis
  bool contiguous = false;  ///< the last axis copies neighbours
  bool fills = false;
};

const Geometry geometries[] = {{{}},
                               {{1}},
                               {{9}, 0, false, true},
                               {{3, 5}, 0, false, true},
                               {{3, 5}, 2, false, true},
                               {{4, 6, 33}, 0, true, true},
                               {{4, 6, 33}, 7, true, false},
                               {{2, 3, 1, 70}, 5, true, true},
                               {{2, 100, 64}, 0, true, false},
                               {{5000}, 0, true, true},
                               {{3, 1, 2, 1, 1, 3, 1}, 1, false, true}};

template <class T>
void check(const Geometry& g, Random& random) {
  std::vector<AxisTable> axes;
  std::int64_t stride = 1, rows = 1, count = 1;
  for (std::size_t d = g.extents.size(); d-- > 0;) {
    AxisTable axis{{}, stride};
    const bool last = d + 1 == g.extents.size();
    for (std::int64_t i = 0; i < g.extents[d]; ++i) {
      const bool fill = g.fills && random.integer(0, 4) == 0;
      axis.source.push_back(fill ? AxisTable::fill : last && g.contiguous ? i : random.integer(0, 50));
    }
    axes.insert(axes.begin(), std::move(axis));
    stride = stride * g.extents[d] + (last ? g.slack : 0);
    count *= g.extents[d];
    rows = stride;
  }
  const std::int64_t largest = 5050 + 50 * static_cast<std::int64_t>(g.extents.size());
  GuardedBuffer<T> input(static_cast<std::size_t>(largest));
  for (T& x : input) x = static_cast<T>(random.bits());
  GuardedBuffer<T> expected(static_cast<std::size_t>(rows)), output(static_cast<std::size_t>(rows));
  const T fill_value = static_cast<T>(0x1122334455667788ULL);
  std::array<std::byte, 8> fill{};
  std::memcpy(fill.data(), &fill_value, sizeof(T));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, from = 0, to = 0;
    bool filled = false;
    for (std::size_t d = axes.size(); d-- > 0;) {
      const std::int64_t at = rest % g.extents[d];
      rest /= g.extents[d];
      to += at * axes[d].out_stride;
      filled = filled || axes[d].source[static_cast<std::size_t>(at)] < 0;
      from += axes[d].source[static_cast<std::size_t>(at)];
    }
    expected[static_cast<std::size_t>(to)] = filled ? fill_value : input[static_cast<std::size_t>(from)];
  }
  const AxisCopy copy(axes, sizeof(T), fill);
  const std::int64_t items = copy.work_items();
  CAPTURE(sizeof(T), g.extents, g.slack, items);
  copy.run(input.data(), output.data(), items / 3, items);
  copy.run(input.data(), output.data(), 0, items / 3);
  CHECK(same_bytes(output, expected));
}

}  // namespace

TEST_CASE("axis copies equal their definition", "[axis_copy]") {
  Random random(17);
  for (const Geometry& g : geometries)
    for (int repeat = 0; repeat < 3; ++repeat) {
      check<std::uint8_t>(g, random);
      check<std::uint16_t>(g, random);
      check<std::uint32_t>(g, random);
      check<std::uint64_t>(g, random);
    }
}

TEST_CASE("an empty axis copies nothing", "[axis_copy]") {
  CHECK(AxisCopy({{{}, 4}, {{0, 1, 2, 3}, 1}}, 4, {}).work_items() == 0);
  CHECK(AxisCopy({{{0, 1}, 0}, {{}, 1}}, 4, {}).work_items() == 0);
}
