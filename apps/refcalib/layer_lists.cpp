#include "apps/refcalib/layer_lists.h"

#include <fstream>
#include <sstream>

#include "engine/core/error.h"

namespace refcalib::app {
namespace {

std::vector<std::string> joined(const std::vector<std::string>& list, const std::vector<std::string>& files) {
  std::vector<std::string> all = list;
  for (const std::string& file : files) {
    std::ifstream in(file);
    if (!in) throw engine::IoError("cannot open the list of layers", {.file = file});
    for (std::string line; std::getline(in, line);) {
      line.erase(line.find_last_not_of(" \t\r") + 1);
      if (!line.empty()) all.push_back(line);
    }
  }
  return all;
}

/// The names of `a,b,…`; a regular expression may hold commas and stays whole.
std::vector<std::string> separated(const std::vector<std::string>& entries) {
  std::vector<std::string> names;
  for (const std::string& entry : entries) {
    if (entry.starts_with("re:")) {
      names.push_back(entry);
      continue;
    }
    std::istringstream parts(entry);
    for (std::string name; std::getline(parts, name, ',');)
      if (!name.empty()) names.push_back(name);
  }
  return names;
}

}  // namespace

void LayerLists::declare(CLI::App& app, const std::string& group) {
  const std::string names = "; a name, a glob (res*) or re:EXPRESSION";
  app.add_option("--ignore-layer-names", names_, "Layers that stay in FP32" + names)->group(group);
  app.add_option("--ignore-layer-names-path", name_files_, "The same from files, one name a line")
      ->group(group);
  app.add_option("--ignore-layer-types", types_, "Types of layers that stay in FP32")->group(group);
  app.add_option("--ignore-layer-types-path", type_files_, "The same from files, one type a line")
      ->group(group);
  app.add_option("--ignore-between", between_,
                 "FIRST:LAST, all layers on a way from the one to the other stay in FP32")
      ->group(group);
  app.add_option("--int8-layers", integer_,
                 "Of the layers with weights only these run in INT8: a,b,…" + names)
      ->group(group);
  app.add_option("--int8-layers-path", integer_files_, "The same from files, one name a line")->group(group);
  app.add_option("--first-layer", first_,
                 "int8 or fp32: layers with weights that no other one is in front of")
      ->capture_default_str()
      ->check(CLI::IsMember({"int8", "fp32"}))
      ->group(group);
  app.add_option("--last-layer", last_, "int8 or fp32: layers with weights that no other one is behind")
      ->capture_default_str()
      ->check(CLI::IsMember({"int8", "fp32"}))
      ->group(group);
}

engine::LayerSelection LayerLists::selection(const engine::ir::Document& document) const {
  engine::LayerSelection selection;
  selection.ignore_layers = joined(names_, name_files_);
  selection.ignore_types = joined(types_, type_files_);
  selection.int8_layers = joined(separated(integer_), integer_files_);
  if (selection.int8_layers.empty() && !integer_files_.empty())
    throw engine::UsageError("--int8-layers-path names no layer", {.file = integer_files_.front()});
  selection.float_first = first_ == "fp32";
  selection.float_last = last_ == "fp32";
  for (const std::string& way : between_) {
    const std::size_t colon = way.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == way.size())
      throw engine::UsageError("--ignore-between '" + way + "' has not the form FIRST:LAST");
    selection.ignore_between.emplace_back(way.substr(0, colon), way.substr(colon + 1));
  }
  for (const engine::ir::Layer& layer : document.layers)
    selection.layer_types.emplace(layer.name, layer.type);
  return selection;
}

}  // namespace refcalib::app
