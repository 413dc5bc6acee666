#include "engine/ops/fold.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes&, const OpInputs& in) {
  require_inputs(in, 1, 1);
  return {{DType::i64, {static_cast<std::int64_t>(in.shape(0).size())}}};
}

std::optional<std::vector<Constant>> fold(const Attributes&, const OpInputs& in) {
  return std::vector{Constant::i64_vector(in.shape(0))};
}

}  // namespace

extern const OpRecord shape_of_op;
const OpRecord shape_of_op{.name = "ShapeOf", .infer = infer, .fold = fold};

}  // namespace refcalib::engine
