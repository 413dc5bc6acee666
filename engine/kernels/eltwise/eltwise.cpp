#include "engine/kernels/eltwise/eltwise.h"

#include <algorithm>
#include <cmath>

#include "engine/kernels/eltwise/units.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const EltwiseKernels eltwise_##isa;
#include "engine/kernels/eltwise/kernels.def"
#undef REFCALIB_KERNELS

std::span<const EltwiseKernels> eltwise_kernels() noexcept {
  static const EltwiseKernels table[] = {
#define REFCALIB_KERNELS(isa) eltwise_##isa,
#include "engine/kernels/eltwise/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

namespace {

constexpr std::int64_t pieces_of(std::int64_t count) noexcept {
  return (count + row_piece - 1) / row_piece;
}

std::int64_t innermost(const BinaryArgs& args) noexcept {
  return args.rank > 0 ? args.dims[args.rank - 1] : 1;
}

}  // namespace

BinaryArgs normalized(const BinaryArgs& args) noexcept {
  BinaryArgs result;
  result.a = args.a;
  result.b = args.b;
  result.output = args.output;
  for (int d = 0; d < args.rank; ++d) {
    const std::int64_t extent = args.dims[d];
    if (extent == 1) {
      continue;
    }
    const int last = result.rank - 1;
    const bool mergeable = last >= 0 && result.a_stride[last] == args.a_stride[d] * extent &&
                           result.b_stride[last] == args.b_stride[d] * extent &&
                           result.out_stride[last] == args.out_stride[d] * extent;
    const int to = mergeable ? last : result.rank++;
    result.dims[to] = mergeable ? result.dims[to] * extent : extent;
    result.a_stride[to] = args.a_stride[d];
    result.b_stride[to] = args.b_stride[d];
    result.out_stride[to] = args.out_stride[d];
  }
  return result;
}

std::int64_t work_items(const BinaryArgs& args) noexcept {
  std::int64_t items = pieces_of(innermost(args));
  for (int d = 0; d + 1 < args.rank; ++d) {
    items *= args.dims[d];
  }
  return items;
}

BinaryPiece binary_piece(const BinaryArgs& args, std::int64_t unit) noexcept {
  const std::int64_t inner = innermost(args);
  const std::int64_t pieces = pieces_of(inner);
  const std::int64_t first = unit % pieces * row_piece;
  BinaryPiece piece{0, 0, 0, std::min(row_piece, inner - first), 1, 1, 1};
  if (args.rank == 0) {
    return piece;
  }
  const int last = args.rank - 1;
  piece.a_stride = args.a_stride[last];
  piece.b_stride = args.b_stride[last];
  piece.out_stride = args.out_stride[last];
  piece.a = first * piece.a_stride;
  piece.b = first * piece.b_stride;
  piece.out = first * piece.out_stride;
  std::int64_t rest = unit / pieces;
  for (int d = last - 1; d >= 0; --d) {
    const std::int64_t i = rest % args.dims[d];
    rest /= args.dims[d];
    piece.a += i * args.a_stride[d];
    piece.b += i * args.b_stride[d];
    piece.out += i * args.out_stride[d];
  }
  return piece;
}

void power_block(const float* a, const float* b, float* out, std::int64_t count) noexcept {
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = std::pow(a[i], b[i]);
  }
}

std::int64_t work_items(const UnaryArgs& args) noexcept {
  return args.rows * pieces_of(args.channels);
}

RowPiece unary_piece(const UnaryArgs& args, std::int64_t unit) noexcept {
  const std::int64_t pieces = pieces_of(args.channels);
  const std::int64_t first = unit % pieces * row_piece;
  return {unit / pieces, first, std::min(row_piece, args.channels - first)};
}

void lookup_u8(const LookupArgs& args, std::int64_t begin, std::int64_t end) noexcept {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::uint8_t* input = args.input + row * args.in_stride;
    std::uint8_t* output = args.output + row * args.out_stride;
    for (std::int64_t c = 0; c < args.channels; ++c) {
      output[c] = args.table[input[c]];
    }
  }
}

}  // namespace refcalib::engine::kernels
