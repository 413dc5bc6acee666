#include "engine/evaluation/postprocessing/postprocessor.h"

#include <array>

#include "engine/evaluation/registry.h"

namespace refcalib::engine {

#define REFCALIB_POSTPROCESSOR(name) extern const PostprocessorRecord name##_postprocessor;
#include "engine/evaluation/postprocessing/postprocessors.def"
#undef REFCALIB_POSTPROCESSOR

namespace {
constexpr std::array records = {
#define REFCALIB_POSTPROCESSOR(name) &name##_postprocessor,
#include "engine/evaluation/postprocessing/postprocessors.def"
#undef REFCALIB_POSTPROCESSOR
};
}  // namespace

std::span<const PostprocessorRecord* const> postprocessor_records() noexcept {
  return records;
}

ApplyTo ApplyTo::read(Fields& fields, std::string_view otherwise) {
  const std::string to = fields.choice("apply_to", otherwise, {"annotation", "prediction", "all"});
  return {to != "prediction", to != "annotation"};
}

std::unique_ptr<Postprocessor> make_postprocessor(Fields& fields, const DatasetMeta& meta) {
  const PostprocessorRecord& record =
      choose_record(fields, "type", postprocessor_records(), "postprocessing");
  auto step = record.make(fields, meta);
  // Kinds with a name for the source of data have several of them; here there is one.
  fields.ignore("annotation_source");
  fields.ignore("prediction_source");
  fields.finish();
  return step;
}

}  // namespace refcalib::engine
