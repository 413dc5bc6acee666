#include "engine/formats/model_formats.h"

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#ifdef REFCALIB_ONNX
#include "engine/formats/onnx/onnx.h"
#endif

namespace refcalib::engine {
namespace {

ir::Document read_ir(const std::filesystem::path& path, const std::filesystem::path& weights,
                     const ir::InputShapes&) {
  return ir::read_document(path, weights);
}

constexpr ModelFormat kFormats[] = {
    {".xml", "OpenVINO Intermediate Representation", read_ir, false},
#ifdef REFCALIB_ONNX
    {".onnx", "ONNX", onnx::read_document, true},
#endif
};

/// A format that needs a library at build time.
struct OptionalFormat {
  std::string_view extension, needs;
};
constexpr OptionalFormat kOptional[] = {
    {".onnx", "protobuf (Debian: libprotobuf-dev and protobuf-compiler)"},
};

}  // namespace

std::span<const ModelFormat> model_formats() noexcept {
  return kFormats;
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
