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

std::vector<tables::NodeName> node_names(const std::filesystem::path& path) {
  std::vector<tables::NodeName> names;
  const std::shared_ptr<proto::ModelProto> model =
      in_context({path.string(), "", ""}, [&] { return read_model_file(path); });
  for (const proto::NodeProto& node : model->graph().node())
    for (const std::string& value : node.output())
      if (!value.empty())
        names.push_back({value, node.name().empty() ? node.output(0) : node.name(), node.op_type()});
  return names;
}

}  // namespace refcalib::engine::onnx
