#include "apps/refcalib/precision_option.h"

#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/float_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/model_formats.h"

namespace refcalib::app {

using engine::ir::equal_ignoring_case;

void check_precision(const std::string& precision, bool floats) {
  if (equal_ignoring_case(precision, "INT8")) return;
  const bool is_float = equal_ignoring_case(precision, "FP16") || equal_ignoring_case(precision, "FP32");
  if (is_float && floats) return;
  throw engine::UsageError("precision '" + precision + "' is not supported; " +
                           (is_float ? "FP16 and FP32 are for simplified mode, which writes floats so"
                            : floats ? "there are INT8, FP16 and FP32"
                                     : "the only one is INT8"));
}

engine::Model with_precision(engine::Model model, const ModelOptions& options, const std::string& precision) {
  if (equal_ignoring_case(precision, "INT8")) return model;
  if (engine::model_format(options.model).extension != ".xml")
    throw engine::UsageError("-p " + precision + " is for an IR",
                             {options.model, {}, "leave it out, or convert the model with refcalib convert"});
  const bool half = equal_ignoring_case(precision, "FP16");
  model.document =
      engine::ir::with_float_type(model.document, half ? engine::DType::f16 : engine::DType::f32);
  model.graph = engine::ir::to_graph(engine::ir::reshape(model.document, input_shapes(options)));
  return model;
}

}  // namespace refcalib::app
