#include "engine/ops/op.h"

#include <array>

#include "engine/core/error.h"

namespace refcalib::engine {

#define REFCALIB_OP(name) extern const OpRecord name##_op;
#include "engine/ops/ops.def"
#undef REFCALIB_OP

namespace {
constexpr std::array records = {
#define REFCALIB_OP(name) &name##_op,
#include "engine/ops/ops.def"
#undef REFCALIB_OP
};
}  // namespace

const Value& OpInputs::value(std::size_t i) const {
  if (i >= ids.size()) throw FormatError("input " + std::to_string(i) + " is missing");
  return graph.value(ids[i]);
}

const Constant& OpInputs::constant(std::size_t i) const {
  const Value& found = value(i);
  if (!found.constant)
    throw UnsupportedError("input " + std::to_string(i) + " ('" + found.name + "') must be a constant",
                           {{}, {}, "give the model static shapes before converting it"});
  return found.constant;
}

const OpRecord* find_op(std::string_view name) noexcept {
  for (const OpRecord* record : records)
    if (record->name == name) return record;
  return nullptr;
}

const OpRecord& op_record(std::string_view name) {
  if (const OpRecord* record = find_op(name)) return *record;
  throw UnsupportedError("operation '" + std::string(name) + "' is not supported");
}

std::span<const OpRecord* const> all_ops() noexcept {
  return records;
}

}  // namespace refcalib::engine
