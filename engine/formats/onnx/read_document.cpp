#include <memory>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/onnx/fold_batch_normalization.h"
#include "engine/formats/onnx/model_file.h"
#include "engine/formats/onnx/onnx.h"
#include "engine/formats/onnx/translate.h"

namespace refcalib::engine::onnx {

ir::Document read_document(const std::filesystem::path& path, const std::filesystem::path& weights,
                           const ir::InputShapes& shapes) {
  return in_context({path.string(), "", ""}, [&] {
    if (!weights.empty())
      throw UsageError("an ONNX model names its external data itself",
                       {"", "", "leave out the weights file"});
    const std::shared_ptr<proto::ModelProto> model = read_model_file(path);
    TensorReader constants(model, path);
    fold_batch_normalization(*model, constants);
    return translate(*model, path, shapes, constants).document;
  });
}

}  // namespace refcalib::engine::onnx
