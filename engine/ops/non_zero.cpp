#include <algorithm>

#include "engine/ops/fold.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

/// Coordinates of the elements that are not zero, in row-major order: [rank][count].
std::vector<std::int64_t> coordinates(const Constant& x) {
  const std::vector<double> values = to_doubles(x);
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != 0) found.push_back(i);
  const Shape& shape = x.shape();
  std::vector<std::int64_t> result(shape.size() * found.size());
  for (std::size_t k = 0; k < found.size(); ++k) {
    auto rest = static_cast<std::int64_t>(found[k]);
    for (std::size_t d = shape.size(); d-- > 0;) {
      result[d * found.size() + k] = rest % shape[d];
      rest /= shape[d];
    }
  }
  return result;
}

std::vector<OutputType> infer(const Attributes&, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto rank = static_cast<std::int64_t>(in.shape(0).size());
  require(rank >= 1, "looks for elements of a scalar");
  const std::vector<double> values = to_doubles(in.constant(0));
  const auto zeros = std::count(values.begin(), values.end(), 0.0);
  return {{DType::i64, {rank, static_cast<std::int64_t>(values.size()) - zeros}}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  return std::vector{Constant::i64(infer(attributes, in).front().shape, coordinates(in.constant(0)))};
}

}  // namespace

extern const OpRecord non_zero_op;
const OpRecord non_zero_op{.name = "NonZero", .infer = infer, .fold = fold};

}  // namespace refcalib::engine
