#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/structure/source_tree.h"
#include "tests/support/catch.hpp"

using refcalib_test::SourceFile;

namespace {

/// A part of the tree and the parts that it may include besides itself. A part is a folder (or a file that
/// stands at another level than its folder) named by how its paths begin; the longest name that fits a path
/// wins.
struct Layer {
  std::string_view part;
  std::vector<std::string_view> may_include;
};

/// THE TABLE of include directions, lowest first.
const std::vector<Layer>& layers() {
  static const std::vector<Layer> table = {
      {"include/", {}},
      {"engine/core/", {"include/"}},
      {"engine/cpu/", {"engine/core/"}},
      // Primitives know instruction sets and plain structs of pointers, no graphs.
      {"engine/kernels/", {"engine/core/", "engine/cpu/"}},
      {"engine/graph/", {"engine/core/"}},
      // What an operation's planner returns and the runtime executes.
      {"engine/runtime/step.", {"engine/core/", "engine/cpu/", "engine/graph/"}},
      {"engine/ops/",
       {"include/", "engine/core/", "engine/cpu/", "engine/kernels/", "engine/graph/",
        "engine/runtime/step."}},
      // Infers shapes and folds constants while it builds, so it needs the operations' records.
      {"engine/graph/builder.", {"engine/core/", "engine/graph/", "engine/ops/"}},
      {"engine/passes/", {"include/", "engine/core/", "engine/graph/", "engine/ops/"}},
      {"engine/runtime/",
       {"include/", "engine/core/", "engine/cpu/", "engine/graph/", "engine/ops/", "engine/passes/",
        "engine/runtime/step."}},
      {"engine/formats/",
       {"include/", "engine/core/", "engine/graph/", "engine/graph/builder.", "engine/ops/"}},
      {"engine/calibration/",
       {"include/", "engine/core/", "engine/cpu/", "engine/graph/", "engine/ops/", "engine/passes/",
        "engine/runtime/", "engine/formats/"}},
      {"engine/diagnosis/",
       {"engine/core/", "engine/graph/", "engine/ops/", "engine/passes/", "engine/runtime/",
        "engine/calibration/"}},
      {"engine/evaluation/", {"include/", "engine/core/", "engine/runtime/"}},
      {"engine/search/",
       {"include/", "engine/core/", "engine/graph/", "engine/ops/", "engine/passes/", "engine/runtime/",
        "engine/calibration/", "engine/evaluation/"}},
      // The command line sees the engine's public face; of the kernels only the measurement of the machine's
      // peak.
      {"engine/kernels/peak/", {"engine/core/", "engine/cpu/", "engine/kernels/"}},
      {"apps/",
       {"include/", "engine/core/", "engine/cpu/", "engine/graph/", "engine/runtime/", "engine/formats/",
        "engine/calibration/", "engine/diagnosis/", "engine/evaluation/", "engine/search/",
        "engine/kernels/peak/"}},
  };
  return table;
}

/// The layer of a path, or null.
const Layer* layer_of(std::string_view path) {
  const Layer* best = nullptr;
  for (const Layer& layer : layers())
    if (path.starts_with(layer.part) && (best == nullptr || layer.part.size() > best->part.size()))
      best = &layer;
  return best;
}

/// Every include that the table does not allow, and every file that no row names.
std::vector<std::string> forbidden_includes(const std::vector<SourceFile>& files) {
  std::vector<std::string> found;
  for (const SourceFile& file : files) {
    const Layer* const from = layer_of(file.path);
    if (from == nullptr) {
      found.push_back(file.path + " belongs to no layer");
      continue;
    }
    for (const std::string& include : file.includes) {
      const Layer* const to = layer_of(include);
      const bool allowed =
          to == from || (to != nullptr && std::find(from->may_include.begin(), from->may_include.end(),
                                                    to->part) != from->may_include.end());
      if (!allowed) found.push_back(file.path + " must not include " + include);
    }
  }
  return found;
}

using Edges = std::map<std::string, std::vector<std::string>>;

/// Every edge that closes a cycle in a depth-first walk, as the cycle's path; empty if there is none.
std::vector<std::string> cycles(const Edges& edges) {
  std::vector<std::string> found, path;
  std::set<std::string> done;
  const std::function<void(const std::string&)> visit = [&](const std::string& name) {
    if (const auto on_path = std::find(path.begin(), path.end(), name); on_path != path.end()) {
      std::string text;
      for (auto it = on_path; it != path.end(); ++it) text += *it + " -> ";
      found.push_back(text + name);
      return;
    }
    if (!done.insert(name).second) return;
    path.push_back(name);
    if (const auto it = edges.find(name); it != edges.end())
      for (const std::string& next : it->second) visit(next);
    path.pop_back();
  };
  for (const auto& [name, targets] : edges) visit(name);
  return found;
}

Edges file_edges(const std::vector<SourceFile>& files) {
  Edges edges;
  for (const SourceFile& file : files) edges[file.path] = file.includes;
  return edges;
}

}  // namespace

TEST_CASE("includes go from upper to lower layers only", "[structure]") {
  const std::vector<SourceFile> files = refcalib_test::layer_sources();
  REQUIRE(files.size() > 100);
  for (const std::string& violation : forbidden_includes(files)) FAIL_CHECK(violation);
}

TEST_CASE("no file includes itself through others", "[structure]") {
  for (const std::string& cycle : cycles(file_edges(refcalib_test::layer_sources()))) FAIL_CHECK(cycle);
}

TEST_CASE("the table of layers has no cycles and names only parts that exist", "[structure]") {
  Edges edges;
  for (const Layer& layer : layers())
    for (const std::string_view lower : layer.may_include) edges[std::string(layer.part)].emplace_back(lower);
  for (const std::string& cycle : cycles(edges)) FAIL_CHECK(cycle);

  const std::vector<SourceFile> files = refcalib_test::layer_sources();
  for (const Layer& layer : layers()) {
    INFO(layer.part);
    CHECK(std::any_of(files.begin(), files.end(),
                      [&](const SourceFile& file) { return layer_of(file.path) == &layer; }));
    for (const std::string_view lower : layer.may_include)
      CHECK(
          std::any_of(layers().begin(), layers().end(), [&](const Layer& row) { return row.part == lower; }));
  }
}

TEST_CASE("the checks find what they look for", "[structure]") {
  const std::vector<SourceFile> upward = {{"engine/core/shape.h", "", {"engine/graph/graph.h"}},
                                          {"engine/graph/graph.h", "", {"engine/core/shape.h"}},
                                          {"engine/graph/graph.cpp", "", {"engine/graph/builder.h"}},
                                          {"engine/odd/new.h", "", {}}};
  CHECK(forbidden_includes(upward) ==
        std::vector<std::string>{"engine/core/shape.h must not include engine/graph/graph.h",
                                 "engine/graph/graph.cpp must not include engine/graph/builder.h",
                                 "engine/odd/new.h belongs to no layer"});
  CHECK(cycles(file_edges(upward)) ==
        std::vector<std::string>{"engine/core/shape.h -> engine/graph/graph.h -> engine/core/shape.h"});
  CHECK(cycles({{"a", {"b", "c"}}, {"b", {"c"}}, {"c", {}}}).empty());
}
