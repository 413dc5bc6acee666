#include <cmath>

#include "engine/ops/fold.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

std::vector<double> values_of(const OpInputs& in) {
  require_inputs(in, 3, 3);
  double bounds[3];
  for (std::size_t i = 0; i < 3; ++i) {
    require(in.constant(i).count() == 1, "Range wants scalars");
    bounds[i] = to_doubles(in.constant(i)).front();
  }
  const auto [start, stop, step] = bounds;
  require(step != 0 && std::isfinite(start) && std::isfinite(stop) && std::isfinite(step),
          "Range has no finite step");
  const double count = std::max(0.0, std::ceil((stop - start) / step));
  require(count <= 1 << 24, "Range has too many elements");
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = start + static_cast<double>(i) * step;
  return values;
}

std::vector<OutputType> infer(const Attributes&, const OpInputs& in) {
  return {{in.dtype(0), {static_cast<std::int64_t>(values_of(in).size())}}};
}

std::optional<std::vector<Constant>> fold(const Attributes&, const OpInputs& in) {
  const std::vector<double> values = values_of(in);
  return std::vector{make_constant(in.dtype(0), {static_cast<std::int64_t>(values.size())}, values)};
}

}  // namespace

extern const OpRecord range_op;
const OpRecord range_op{.name = "Range", .infer = infer, .fold = fold};

}  // namespace refcalib::engine
