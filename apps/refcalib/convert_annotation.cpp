#include <algorithm>
#include <filesystem>
#include <memory>

#include "apps/refcalib/command.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/annotation/converter.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  CLI::App* app = nullptr;  ///< holds the converter's own options, which are its fields
  std::string converter, source, folder = ".", name, meta, subset;
  std::uint64_t seed = 666;
};

void declare(CLI::App& app, Options& o) {
  o.app = &app;
  app.allow_extras();
  std::string names = "Kinds of labels:\n";
  for (const engine::ConverterRecord* record : engine::converter_records())
    names += "  " + std::string(record->name) + ": " + std::string(record->summary) + "\n";
  app.footer(names + "Their fields are options: --annotation_file FILE, --has_background …\n");
  app.add_option("converter", o.converter, "Kind of labels")->required();
  app.add_option("-s,--source", o.source, "Folder that relative paths begin at; default: the current one");
  app.add_option("-o,--output-dir", o.folder, "Folder of the result")->capture_default_str();
  app.add_option("-a,--annotation-name", o.name, "File of the annotation; default: CONVERTER.json");
  app.add_option("-m,--meta-name", o.meta, "Write the dataset_meta to a file of its own, too");
  app.add_option("--subsample", o.subset, "Only N, or N%, samples");
  app.add_option("--subsample-seed", o.seed, "Which ones")->capture_default_str();
}

/// The options that the parser does not know, as the fields of a conversion.
engine::ConfigNode fields_of(const Options& o) {
  engine::ConfigNode node = engine::map_node({{"converter", o.converter}});
  const std::vector<std::string> rest = o.app->remaining();
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (!rest[i].starts_with("--")) throw engine::UsageError("'" + rest[i] + "' belongs to no option");
    const std::size_t equals = rest[i].find('=');
    std::string key = rest[i].substr(2, equals == std::string::npos ? equals : equals - 2);
    std::replace(key.begin(), key.end(), '-', '_');
    std::string value = "True";  // a flag
    if (equals != std::string::npos)
      value = rest[i].substr(equals + 1);
    else if (i + 1 < rest.size() && !rest[i + 1].starts_with("--"))
      value = rest[++i];
    node.set(key, engine::text_node(value));
  }
  return node;
}

Exit run(const Options& o, Report& report) {
  const engine::ConfigNode node = fields_of(o);
  engine::Fields fields(node, "convert-annotation", "converter");
  engine::AnnotationSet set = engine::convert_annotation(fields, engine::ConverterPaths(o.source));
  const std::size_t all = set.samples.size();
  if (!o.subset.empty()) engine::take_subset(set, o.subset, o.seed);
  std::error_code error;
  fs::create_directories(o.folder, error);
  if (error) throw engine::IoError("cannot make the output folder: " + error.message(), {.file = o.folder});
  const fs::path file = fs::path(o.folder) / (o.name.empty() ? o.converter + ".json" : o.name);
  const fs::path meta = o.meta.empty() ? fs::path() : fs::path(o.folder) / o.meta;
  if (file.extension() == ".pickle" || file.extension() == ".pkl")
    report.note(file.string() + " will be a JSON file whatever its name says, and is read as one");
  if (!meta.empty() && meta == file)
    throw engine::UsageError("-a and -m name the same file '" + file.string() + "'");
  engine::write_annotations(file, set);
  report.line("written: " + file.string() + ", " + counted(set.samples.size(), "sample") +
              (set.samples.size() < all ? " of " + std::to_string(all) : "") + ", " +
              counted(set.meta.labels().size(), "label"));
  if (!meta.empty()) {
    engine::write_dataset_meta(meta, set.meta);
    report.line("written: " + meta.string());
  }
  return Exit::ok;
}

}  // namespace

Command convert_annotation_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "convert-annotation",
          .summary = "Make the JSON annotation of a dataset from the labels it comes with",
          .aliases = {{"-ss", "--subsample"}},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
