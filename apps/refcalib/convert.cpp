#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/refcalib/command.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/formats/ir/embed_preprocessing.h"
#include "engine/formats/ir/float_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/ir/to_legacy.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions model;
  std::string output, input_shape, data_type = "FP32", mean, scale;
  int version = 0;  ///< 0: 11, or what an IR is
  bool reverse = false;
};

void declare(CLI::App& app, Options& o) {
  app.add_option("MODEL,-m,--model,--input-model,--input_model", o.model.model,
                 "Network: MODEL.onnx, MODEL.prototxt, or MODEL.xml")
      ->required();
  app.add_option("-w,--weights-file", o.model.weights,
                 "Weights; default: the .bin beside an .xml, the .caffemodel beside a .prototxt");
  app.add_option("-o,--output-model", o.output, "OUT.xml; OUT.bin is written beside it")->required();
  app.add_option("--ir-version,--ir_version", o.version,
                 "11 (default), or 7, which runtimes of 2019 and 2020 read; an IR stays what it is")
      ->check(CLI::IsMember({7, 11}));
  app.add_option("--data-type,--data_type", o.data_type, "Of the weights: FP32 (default) or FP16")
      ->check(CLI::IsMember({"FP32", "FP16"}, CLI::ignore_case));
  declare_shapes(app, o.model);
  app.add_option("--input-shape,--input_shape", o.input_shape, "The same as --shape");
  app.add_option("--mean-values,--mean_values", o.mean,
                 "Subtracted inside the network: [a,b,c] or name[a,b,c],… in the order of its channels");
  app.add_option("--scale-values,--scale_values", o.scale,
                 "Divided by inside the network: [a,b,c] or name[a,b,c],…");
  app.add_flag("--reverse-input-channels,--reverse_input_channels", o.reverse,
               "The network takes BGR where the original took RGB, or the reverse");
  app.footer(
      "Without --ir-version an ONNX or Caffe model becomes an IR of version 11, an IR stays what it is.\n\n");
}

/// [a,b,c], name[a,b,c],… or a,b,c; parentheses count as brackets.
std::vector<std::pair<std::string, std::vector<float>>> parse_lists(const std::string& option,
                                                                    std::string text) {
  std::vector<std::pair<std::string, std::vector<float>>> lists;
  if (text.empty()) return lists;
  for (char& c : text) c = c == '(' ? '[' : c == ')' ? ']' : c;
  try {
    if (text.find('[') == std::string::npos) return {{"", engine::ir::parse_floats(text, option)}};
    std::string_view rest = text;
    while (!rest.empty()) {
      while (!rest.empty() && (rest.front() == ',' || rest.front() == ' ')) rest.remove_prefix(1);
      const std::size_t open = rest.find('['), close = rest.find(']');
      if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        throw engine::FormatError("the brackets do not match");
      lists.emplace_back(rest.substr(0, open),
                         engine::ir::parse_floats(rest.substr(open + 1, close - open - 1), option));
      if (lists.back().second.empty()) throw engine::FormatError("a list is empty");
      rest.remove_prefix(close + 1);
    }
  } catch (const engine::FormatError& error) {
    throw engine::UsageError(option + " '" + text + "': " + error.message(),
                             {"", "", "write it as [a,b,c] or name[a,b,c]"});
  }
  return lists;
}

engine::ir::EmbeddedPreprocessing preprocessing(const Options& o) {
  return {parse_lists("--mean-values", o.mean), parse_lists("--scale-values", o.scale), o.reverse};
}

/// The document that is written. Both generations come from the same one.
engine::ir::Document converted(const Options& o, const engine::Model& model) {
  namespace ir = engine::ir;
  const ir::Document shaped = ir::reshape(model.document, input_shapes(o.model));
  if (shaped.legacy() && o.version == 11)
    throw engine::UsageError(
        "an IR of version " + std::to_string(shaped.version) + " cannot be written as version 11",
        {o.model.model, {}, "convert the original model"});
  ir::Document document = ir::embed_preprocessing(shaped, preprocessing(o));
  if (o.version == 7) document = ir::to_legacy(document);
  return engine::ir::equal_ignoring_case(o.data_type, "FP16")
             ? ir::with_float_type(document, engine::DType::f16)
             : document;
}

Exit run(Options o, Report& report) {
  const std::filesystem::path target(o.output), source(o.model.model);
  if (target.extension() != ".xml")
    throw engine::UsageError("the output must be an .xml; name it with -o OUT.xml", {.file = o.output});
  std::error_code ignored;
  if (std::filesystem::equivalent(source, target, ignored))
    throw engine::UsageError("the output would replace the model itself", {.file = o.output});
  if (!o.input_shape.empty()) {
    if (!o.model.shape.empty())
      throw engine::UsageError("--shape and --input-shape name the same thing; give one");
    o.model.shape = o.input_shape;
  }
  const engine::Model model = load(o.model);
  const engine::ir::Document document = converted(o, model);
  // Translating the layers shows that nothing is written that cannot be read.
  (void)engine::ir::to_graph(document);
  engine::ir::write_document(document, target);
  std::filesystem::path weights = target;
  weights.replace_extension(".bin");
  report.line("model: " + o.model.model + " (" + format_text(model) + "), " +
              counted(model.document.layers.size(), "layer"));
  report_stated_preprocessing(report, o.model.model);
  report.line("written: " + target.string() + ", " + weights.string() + " (IR version " +
              std::to_string(document.version) + ", " + counted(document.layers.size(), "layer") + ")");
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
