#include "engine/evaluation/preprocessing/preprocessor.h"

#include <array>

#include "engine/evaluation/registry.h"

namespace refcalib::engine {

#define REFCALIB_PREPROCESSOR(name) extern const PreprocessorRecord name##_preprocessor;
#include "engine/evaluation/preprocessing/preprocessors.def"
#undef REFCALIB_PREPROCESSOR

namespace {
constexpr std::array records = {
#define REFCALIB_PREPROCESSOR(name) &name##_preprocessor,
#include "engine/evaluation/preprocessing/preprocessors.def"
#undef REFCALIB_PREPROCESSOR
};
}  // namespace

std::span<const PreprocessorRecord* const> preprocessor_records() noexcept {
  return records;
}

std::unique_ptr<Preprocessor> make_preprocessor(Fields& fields, const PreprocessContext& context) {
  const PreprocessorRecord& record = choose_record(fields, "type", preprocessor_records(), "preprocessing");
  auto step = record.make(fields, context);
  fields.finish();
  return step;
}

}  // namespace refcalib::engine
