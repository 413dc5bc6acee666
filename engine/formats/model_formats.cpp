#include "engine/formats/model_formats.h"

#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#ifdef REFCALIB_CAFFE
#include "engine/formats/caffe/caffe.h"
#include "engine/formats/caffe/write_quantized.h"
#endif
#ifdef REFCALIB_ONNX
#include "engine/formats/onnx/onnx.h"
#include "engine/formats/onnx/write_quantized.h"
#endif

namespace refcalib::engine {
namespace {

ir::Document read_ir(const std::filesystem::path& path, const std::filesystem::path& weights,
                     const ir::InputShapes&) {
  return ir::read_document(path, weights);
}

/// Any model can be written as IR: what is read from another format is a document of v11.
void write_ir(const Model& model, const ir::InputShapes&, const ir::Annotation& annotation,
              bool float_weights, const std::filesystem::path& target) {
  const ir::Document annotated = ir::annotate(model.document, annotation);
  ir::write_document(float_weights ? annotated : ir::compress_weights(annotated), target);
}

#ifdef REFCALIB_ONNX
constexpr std::string_view kOnnx = ".onnx";

void write_onnx(const Model& model, const ir::InputShapes& shapes, const ir::Annotation& annotation, bool,
                const std::filesystem::path& target) {
  const std::filesystem::path& source = model.document.xml_path;
  if (!ir::equal_ignoring_case(source.extension().string(), kOnnx))
    throw UsageError("only an ONNX model can be written as ONNX",
                     {source.string(), "", "name an .xml with -o"});
  onnx::write_quantized(source, shapes, annotation, target);
}

std::vector<std::string> onnx_values_without_range(const Model& model, const ir::InputShapes& shapes,
                                                   const ir::Annotation& annotation) {
  const std::filesystem::path& source = model.document.xml_path;
  if (!ir::equal_ignoring_case(source.extension().string(), kOnnx)) return {};
  return onnx::values_without_range(source, shapes, annotation);
}
#endif

#ifdef REFCALIB_CAFFE
constexpr std::string_view kNet = ".prototxt", kWeights = ".caffemodel";

bool is_caffe(const Model& model) {
  const std::string extension = model.document.xml_path.extension().string();
  return ir::equal_ignoring_case(extension, kNet) || ir::equal_ignoring_case(extension, kWeights);
}

void write_caffe(const Model& model, const ir::InputShapes&, const ir::Annotation& annotation, bool,
                 const std::filesystem::path& target) {
  if (!is_caffe(model))
    throw UsageError("only a Caffe model can be written as Caffe",
                     {model.document.xml_path.string(), "", "name an .xml with -o"});
  caffe::write_quantized(model.document, annotation, target);
}

std::vector<std::string> caffe_values_without_range(const Model& model, const ir::InputShapes&,
                                                    const ir::Annotation& annotation) {
  return is_caffe(model) ? caffe::values_without_range(model.document, annotation)
                         : std::vector<std::string>();
}

/// The network of a .caffemodel is the .prototxt of the same stem.
ir::Document read_caffe_weights(const std::filesystem::path& path, const std::filesystem::path& weights,
                                const ir::InputShapes& shapes) {
  std::filesystem::path net = path;
  return caffe::read_document(net.replace_extension(kNet), weights.empty() ? path : weights, shapes);
}

std::vector<StatedPreprocessing> caffe_preprocessing(const std::filesystem::path& path) {
  std::filesystem::path net = path;
  std::vector<StatedPreprocessing> result;
  for (caffe::StatedPreprocessing& one : caffe::stated_preprocessing(net.replace_extension(kNet)))
    result.push_back(
        {std::move(one.input), std::move(one.mean), one.scale, std::move(one.origin), std::move(one.note)});
  return result;
}
#endif

constexpr ModelFormat kFormats[] = {
    {".xml", "OpenVINO Intermediate Representation", read_ir, false, write_ir, nullptr, nullptr, nullptr},
#ifdef REFCALIB_ONNX
    {kOnnx, "ONNX", onnx::read_document, true, write_onnx, onnx_values_without_range, nullptr,
     onnx::node_names},
#endif
#ifdef REFCALIB_CAFFE
    {kNet, "Caffe", caffe::read_document, true, write_caffe, caffe_values_without_range, caffe_preprocessing,
     nullptr},
    {kWeights, "Caffe", read_caffe_weights, true, write_caffe, caffe_values_without_range,
     caffe_preprocessing, nullptr},
#endif
};

/// A format that needs a library at build time.
struct OptionalFormat {
  std::string_view extension, needs;
};
constexpr OptionalFormat kOptional[] = {
    {".onnx", "protobuf (Debian: libprotobuf-dev and protobuf-compiler)"},
    {".prototxt", "protobuf (Debian: libprotobuf-dev and protobuf-compiler)"},
    {".caffemodel", "protobuf (Debian: libprotobuf-dev and protobuf-compiler)"},
};

}  // namespace

std::span<const ModelFormat> model_formats() noexcept {
  return kFormats;
}

std::vector<FormatOperator> onnx_operators() {
  std::vector<FormatOperator> list;
#ifdef REFCALIB_ONNX
  for (onnx::SupportedOperator& entry : onnx::supported_operators())
    list.push_back({std::move(entry.type), std::move(entry.versions), std::move(entry.integers)});
#endif
  return list;
}

std::vector<std::string> caffe_layer_types() {
  std::vector<std::string> list;
#ifdef REFCALIB_CAFFE
  for (const std::string_view type : caffe::supported_types()) list.emplace_back(type);
#endif
  return list;
}

const ModelFormat& model_format(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  for (const ModelFormat& format : kFormats)
    if (ir::equal_ignoring_case(format.extension, extension)) return format;
  for (const OptionalFormat& format : kOptional)
    if (ir::equal_ignoring_case(format.extension, extension))
      throw UnsupportedError(
          "this build does not read files of this format",
          {path.string(), "", "build it where " + std::string(format.needs) + " is found"});
  return kFormats[0];
}

}  // namespace refcalib::engine
