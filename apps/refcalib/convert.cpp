#include <filesystem>
#include <memory>

#include "apps/refcalib/command.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions model;
  std::string output;
};

void declare(CLI::App& app, Options& o) {
  app.add_option("MODEL,-m,--model,--input-model", o.model.model, "Network: MODEL.onnx, or MODEL.xml")
      ->required();
  app.add_option("-w,--weights-file", o.model.weights, "Weights of an .xml; default: the .bin beside it");
  app.add_option("-o,--output-model", o.output, "OUT.xml; OUT.bin is written beside it")->required();
  declare_shapes(app, o.model);
  app.footer("An ONNX model becomes an IR of version 11, an IR stays what it is.\n\n");
}

Exit run(const Options& o, Report& report) {
  const std::filesystem::path target(o.output), source(o.model.model);
  if (target.extension() != ".xml")
    throw engine::UsageError("the output must be an .xml; name it with -o OUT.xml", {.file = o.output});
  std::error_code ignored;
  if (std::filesystem::equivalent(source, target, ignored))
    throw engine::UsageError("the output would replace the model itself", {.file = o.output});
  // Loading translates the layers, so that nothing is written that cannot be read.
  const engine::Model model = load(o.model);
  engine::ir::write_document(engine::ir::reshape(model.document, input_shapes(o.model)), target);
  std::filesystem::path weights = target;
  weights.replace_extension(".bin");
  report.line("model: " + o.model.model + " (" + format_text(model) + "), " +
              counted(model.document.layers.size(), "layer"));
  report.line("written: " + target.string() + ", " + weights.string());
  return Exit::ok;
}

}  // namespace

Command convert_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "convert",
          .summary = "Write a model as an Intermediate Representation",
          .aliases = {},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
