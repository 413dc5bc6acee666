#include "engine/formats/onnx/model_file.h"

#include <climits>

#include "engine/core/error.h"
#include "engine/formats/ir/mapped_file.h"

namespace refcalib::engine::onnx {

int opset_of(const proto::ModelProto& model, std::string_view domain) {
  if (domain == "ai.onnx") domain = {};
  for (const proto::OperatorSetIdProto& set : model.opset_import()) {
    const bool standard = set.domain().empty() || set.domain() == "ai.onnx";
    const bool same = domain.empty() ? standard : set.domain() == domain;
    if (same && set.version() >= 0 && set.version() < INT_MAX) return static_cast<int>(set.version());
  }
  return domain.empty() ? 0 : 1;
}

int standard_opset(const proto::ModelProto& model) {
  return opset_of(model, {});
}

std::shared_ptr<proto::ModelProto> read_model_file(const std::filesystem::path& path) {
  const ir::MappedFile file = ir::map_file(path);
  if (file.bytes.size() > INT_MAX)
    throw UnsupportedError("the file is larger than 2 GiB", {"", "", "store the weights as external data"});
  auto model = std::make_shared<proto::ModelProto>();
  if (!model->ParseFromArray(file.bytes.data(), static_cast<int>(file.bytes.size())) || !model->has_graph() ||
      model->opset_import_size() == 0)
    throw FormatError("this is no ONNX model, or the file is damaged",
                      {"", "", "check that the file is complete"});
  const int opset = standard_opset(*model);
  if (opset < kOldestOpset)
    throw UnsupportedError("the model uses operator set " + std::to_string(opset) +
                               "; the oldest that is read is " + std::to_string(kOldestOpset),
                           {"", "", "export the model with a newer operator set"});
  return model;
}

}  // namespace refcalib::engine::onnx
