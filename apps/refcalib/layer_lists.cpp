#include "apps/refcalib/layer_lists.h"

#include <fstream>

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

}  // namespace

void LayerLists::declare(CLI::App& app, const std::string& group) {
  app.add_option("--ignore-layer-names", names_, "Layers that stay in FP32")->group(group);
  app.add_option("--ignore-layer-names-path", name_files_, "The same from files, one name a line")
      ->group(group);
  app.add_option("--ignore-layer-types", types_, "Types of layers that stay in FP32")->group(group);
  app.add_option("--ignore-layer-types-path", type_files_, "The same from files, one type a line")
      ->group(group);
}

std::vector<std::string> LayerLists::names() const {
  return joined(names_, name_files_);
}
std::vector<std::string> LayerLists::types() const {
  return joined(types_, type_files_);
}

}  // namespace refcalib::app
