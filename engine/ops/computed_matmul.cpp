#include "engine/ops/computed_matmul.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/kernels/matmul/matmul.h"
#include "engine/kernels/table.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

using kernels::MatMulArgs;
using kernels::MatMulKernel;

constexpr std::int64_t kMostProducts = std::int64_t{1} << 22;

/// An operand as a batch of matrices: its last two dimensions, and the others.
struct Matrices {
  Shape batch;
  std::int64_t rows = 1, columns = 1, row_stride = 1, column_stride = 1;
};

/// A vector is one row on the left, one column on the right, and is not transposed.
Matrices matrices_of(const Shape& shape, bool transpose, bool right) {
  Matrices m;
  if (shape.size() == 1) {
    (right ? m.rows : m.columns) = shape[0];
    return m;
  }
  m.batch.assign(shape.begin(), shape.end() - 2);
  m.rows = shape[shape.size() - 2];
  m.columns = m.row_stride = shape.back();
  if (transpose) {
    std::swap(m.rows, m.columns);
    std::swap(m.row_stride, m.column_stride);
  }
  return m;
}

/// Where each product of the batch finds its matrix.
std::vector<std::int64_t> batch_offsets(const Matrices& m, const Shape& batch) {
  TensorRef operand;
  operand.shape = m.batch;
  std::vector<std::int64_t> strides = broadcast_strides(operand, batch);
  const std::int64_t count = element_count(batch);
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t rest = i, at = 0;
    for (std::size_t d = batch.size(); d-- > 0;) {
      at += rest % batch[d] * strides[d];
      rest /= batch[d];
    }
    offsets[static_cast<std::size_t>(i)] = at * m.rows * m.columns;
  }
  return offsets;
}

class ComputedMatMul final : public Step {
 public:
  ComputedMatMul(const MatMulAttributes& attributes, const TensorRef& a, const TensorRef& b,
                 const TensorRef& out, Isa isa)
      : kernel_(kernels::select(kernels::matmul_kernels(), isa)), a_(a.where), b_(b.where), out_(out.where) {
    const Matrices left = matrices_of(a.shape, attributes.transpose_a, false);
    const Matrices right = matrices_of(b.shape, attributes.transpose_b, true);
    const Shape batch = broadcast_shape(left.batch, right.batch);
    args_.m = left.rows;
    args_.k = left.columns;
    args_.n = right.columns;
    args_.a_row = left.row_stride;
    args_.a_column = left.column_stride;
    args_.b_row = right.row_stride;
    args_.b_column = right.column_stride;
    args_.c_row = args_.n;
    if (merge_rows(left, right, batch)) {
      a_offset_ = b_offset_ = {0};
    } else {
      args_.batch = element_count(batch);
      if (args_.batch > kMostProducts)
        throw UnsupportedError("a batch of " + std::to_string(args_.batch) + " products is too large");
      a_offset_ = batch_offsets(left, batch);
      b_offset_ = batch_offsets(right, batch);
    }
    for (std::int64_t i = 0; i < args_.batch; ++i) c_offset_.push_back(i * args_.m * args_.n);
    args_.a_offset = a_offset_.data();
    args_.b_offset = b_offset_.data();
    args_.c_offset = c_offset_.data();
  }

  void run(const RunContext& context) const noexcept override {
    context.team.parallel_for(kernel_.work_items(args_), 1,
                              [&](std::int64_t begin, std::int64_t end, int member) {
                                MatMulArgs args = args_;
                                args.a = reinterpret_cast<const float*>(context.read(a_));
                                args.b = reinterpret_cast<const float*>(context.read(b_));
                                args.c = reinterpret_cast<float*>(context.write(out_));
                                args.scratch = context.scratch_of(member);
                                kernel_.run(args, begin, end);
                              });
  }
  std::string kernel() const override { return kernel_.name; }
  std::size_t scratch_bytes() const override { return kernel_.scratch_bytes(args_); }
  std::int64_t macs() const override { return args_.batch * args_.m * args_.n * args_.k; }

 private:
  /// Where all products share B and the rows of A follow each other, the batch is rows of one product.
  bool merge_rows(const Matrices& left, const Matrices& right, const Shape& batch) {
    const bool one_b = element_count(right.batch) == 1, rows = left.column_stride == 1;
    if (!one_b || !rows || element_count(left.batch) != element_count(batch)) return false;
    args_.m *= element_count(batch);
    return true;
  }

  const MatMulKernel& kernel_;
  MatMulArgs args_;
  Operand a_, b_, out_;
  std::vector<std::int64_t> a_offset_, b_offset_, c_offset_;
};

}  // namespace

std::unique_ptr<Step> plan_computed_matmul(const MatMulAttributes& attributes, const TensorRef& a,
                                           const TensorRef& b, const TensorRef& out, Isa isa) {
  return std::make_unique<ComputedMatMul>(attributes, a, b, out, isa);
}

}  // namespace refcalib::engine
