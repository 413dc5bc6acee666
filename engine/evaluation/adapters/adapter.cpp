#include "engine/evaluation/adapters/adapter.h"

#include <array>

#include "engine/evaluation/registry.h"

namespace refcalib::engine {

#define REFCALIB_ADAPTER(name) extern const AdapterRecord name##_adapter;
#include "engine/evaluation/adapters/adapters.def"
#undef REFCALIB_ADAPTER

namespace {
constexpr std::array records = {
#define REFCALIB_ADAPTER(name) &name##_adapter,
#include "engine/evaluation/adapters/adapters.def"
#undef REFCALIB_ADAPTER
};
}  // namespace

std::span<const AdapterRecord* const> adapter_records() noexcept {
  return records;
}

const NetworkOutput& NetworkRun::output(std::string_view name, std::string_view who) const {
  std::string names;
  for (const NetworkOutput& candidate : outputs) {
    if (name.empty() || candidate.name == name) return candidate;
    names += (names.empty() ? "'" : ", '") + candidate.name + "'";
  }
  throw UsageError(std::string(who) + ": the network has no output '" + std::string(name) + "'",
                   {.remedy = "it has " + names});
}

std::span<const float> NetworkRun::row(const NetworkOutput& output, std::size_t row) const {
  if (rows == 0 || output.values.size() % rows != 0)
    throw UsageError("output '" + output.name + "' of shape " + to_string(output.shape) +
                     " cannot be divided into " + std::to_string(rows) + " samples");
  const std::size_t size = output.values.size() / rows;
  return output.values.subspan(row * size, size);
}

std::unique_ptr<Adapter> make_adapter(Fields& fields) {
  const AdapterRecord& record = choose_record(fields, "type", adapter_records(), "adapter");
  auto adapter = record.make(fields);
  fields.finish();
  return adapter;
}

}  // namespace refcalib::engine
