#include "engine/ops/computed.h"

namespace refcalib::engine {

TensorRef stored_tensor(const PlanContext& context, ValueId id) {
  const Value& value = context.graph().value(id);
  if (!value.constant || is_float(value.constant.dtype())) return context.tensor(id);
  TensorRef ref;
  ref.where.constant = value.constant.bytes().data();
  ref.dtype = value.constant.dtype();
  ref.shape = value.shape;
  return ref;
}

}  // namespace refcalib::engine
