#include "engine/kernels/copy_strided/copy_strided.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/guarded_buffer.hpp"
#include "tests/support/random.hpp"

using namespace refcalib::engine::kernels;
using refcalib_test::GuardedBuffer;
using refcalib_test::Random;

namespace {

struct Case {
  const char* name;
  std::vector<std::int64_t> dims, in_stride, out_stride;
};

StridedCopy make_copy(const Case& c, int element_bytes) {
  StridedCopy copy;
  copy.rank = static_cast<int>(c.dims.size());
  copy.element_bytes = element_bytes;
  std::copy(c.dims.begin(), c.dims.end(), copy.dims.begin());
  std::copy(c.in_stride.begin(), c.in_stride.end(), copy.in_stride.begin());
  std::copy(c.out_stride.begin(), c.out_stride.end(), copy.out_stride.begin());
  return copy;
}

// Offsets below and above the first element that a view reaches.
struct Extent {
  std::int64_t low = 0, high = 0;
};
Extent extent(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& stride) {
  Extent e;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    (stride[d] < 0 ? e.low : e.high) += (dims[d] - 1) * stride[d];
  }
  return e;
}

template <class T>
void reference_copy(const Case& c, const T* in, T* out) {
  std::vector<std::int64_t> index(c.dims.size(), 0);
  while (true) {
    std::int64_t i = 0, o = 0;
    for (std::size_t d = 0; d < index.size(); ++d) {
      i += index[d] * c.in_stride[d];
      o += index[d] * c.out_stride[d];
    }
    out[o] = in[i];
    std::size_t d = index.size();
    while (d > 0 && ++index[d - 1] == c.dims[d - 1]) {
      index[--d] = 0;
    }
    if (d == 0) {
      return;
    }
  }
}

template <class T>
void check_copy(const Case& c) {
  const Extent in_extent = extent(c.dims, c.in_stride);
  const Extent out_extent = extent(c.dims, c.out_stride);
  GuardedBuffer<T> input(static_cast<std::size_t>(in_extent.high - in_extent.low + 1));
  Random random(7);
  random.fill_integer(input, 0, 250);
  const auto out_count = static_cast<std::size_t>(out_extent.high - out_extent.low + 1);
  GuardedBuffer<T> expected(out_count);
  reference_copy(c, input.data() - in_extent.low, expected.data() - out_extent.low);
  const StridedCopy plain = make_copy(c, sizeof(T));
  for (StridedCopy copy : {plain, normalized(plain)}) {
    CAPTURE(c.name, sizeof(T), copy.rank);
    GuardedBuffer<T> output(out_count);
    copy.input = input.data() - in_extent.low;
    copy.output = output.data() - out_extent.low;
    const std::int64_t items = work_items(copy);
    const std::int64_t half = items / 2;
    run(copy, half, items);
    run(copy, 0, half);
    CHECK(refcalib_test::same_bytes(output, expected));
  }
}

const std::vector<Case> cases = {
    {"one element", {}, {}, {}},
    {"dense", {3, 5, 7}, {35, 7, 1}, {35, 7, 1}},
    {"long row", {10000}, {1}, {1}},
    {"rows of a slice", {9, 33}, {40, 1}, {33, 1}},
    {"every other element", {5, 17}, {40, 2}, {17, 1}},
    {"reversed axis", {4, 6, 5}, {30, -5, 1}, {30, 5, 1}},
    {"reversed innermost axis", {4, 19}, {19, -1}, {19, 1}},
    {"transposition", {37, 91}, {1, 37}, {91, 1}},
    {"NCHW to NHWC", {2, 19, 23, 5}, {2185, 23, 1, 437}, {2185, 115, 5, 1}},
    {"NHWC to NCHW", {2, 5, 19, 23}, {2185, 1, 115, 5}, {2185, 437, 23, 1}},
    {"part of a concatenation", {6, 11}, {11, 1}, {30, 1}},
    {"into interleaved channels", {50, 1}, {1, 1}, {3, 1}},
    {"tile", {3, 4, 5}, {5, 0, 1}, {20, 5, 1}},
    {"broadcast of one", {4, 6}, {0, 0}, {6, 1}},
    {"wide transposed rows", {3, 5000}, {1, 3}, {5000, 1}},
    {"eight axes", {2, 1, 3, 2, 2, 1, 3, 2}, {72, 5, 24, 1, 2, 9, 4, 12}, {72, 72, 24, 12, 6, 6, 2, 1}},
};

}  // namespace

TEST_CASE("strided copies equal the index formula for every element size", "[copy_strided]") {
  for (const Case& c : cases) {
    check_copy<std::uint8_t>(c);
    check_copy<std::uint16_t>(c);
    check_copy<std::uint32_t>(c);
    check_copy<std::uint64_t>(c);
  }
}

TEST_CASE("an empty view has no work", "[copy_strided]") {
  const Case empty{"empty", {3, 0, 4}, {0, 4, 1}, {0, 4, 1}};
  const StridedCopy copy = make_copy(empty, 4);
  CHECK(work_items(copy) == 0);
  CHECK(work_items(normalized(copy)) == 0);
}

TEST_CASE("normalizing merges axes that are dense on both sides", "[copy_strided]") {
  struct Row {
    Case c;
    std::vector<std::int64_t> dims;
  };
  const Row table[] = {
      {{"dense", {3, 1, 5, 7}, {35, 1, 7, 1}, {35, 9, 7, 1}}, {1, 105}},
      {{"slice", {3, 5, 7}, {40, 7, 1}, {35, 7, 1}}, {3, 35}},
      {{"NCHW to NHWC", {2, 19, 23, 5}, {2185, 23, 1, 437}, {2185, 115, 5, 1}}, {2, 437, 5}},
  };
  for (const Row& row : table) {
    const StridedCopy copy = normalized(make_copy(row.c, 4));
    CAPTURE(row.c.name);
    CHECK(std::vector<std::int64_t>(copy.dims.begin(), copy.dims.begin() + copy.rank) == row.dims);
  }
}
