#include "engine/formats/model.h"

#include "engine/formats/ir/ir.h"
#include "engine/formats/model_formats.h"

namespace refcalib::engine {

Model load_model(const std::filesystem::path& path, const std::filesystem::path& weights,
                 const ir::InputShapes& shapes) {
  const ModelFormat& format = model_format(path);
  Model model;
  model.document = format.read(path, weights, shapes);
  model.graph = ir::to_graph(format.shaped ? model.document : ir::reshape(model.document, shapes));
  return model;
}

}  // namespace refcalib::engine
