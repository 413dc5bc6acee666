#include <algorithm>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/structure/source_tree.h"
#include "tests/support/catch.hpp"

using refcalib_test::SourceFile;

namespace {

/// Something that only a few places may do.
struct Confined {
  std::string_view what;
  std::string_view pattern;               ///< regular expression over the code without comments
  std::vector<std::string_view> allowed;  ///< how the paths begin that may hold it; each must
};

/// THE TABLE of confined things in C++ files.
const std::vector<Confined>& confined() {
  static const std::vector<Confined> table = {
      {"headers of intrinsics",
       R"(#\s*include\s*<(\w*intrin|arm_neon|arm_sve)\.h>)",
       {"engine/kernels/simd"}},
      {"intrinsics",
       R"(\b_mm\d*_\w+|\b__m(128|256|512)\w*)",
       {"engine/kernels/simd", "include/refcalib/detail/simd.hpp"}},
      {"the header of xsimd", R"(#\s*include\s*[<"]xsimd/)", {"include/refcalib/detail/simd.hpp"}},
      {"xsimd", R"(\bxsimd::)", {"include/refcalib/", "engine/calibration/histogram_"}},
      {"CPUID",
       R"(#\s*include\s*<cpuid\.h>|\b__(get_)?cpuid\w*|\b__builtin_cpu_\w+|\bxgetbv\b)",
       {"engine/cpu/"}},
      {"the environment", R"(\bgetenv\b)", {"engine/cpu/isa.cpp"}},
      {"printing",
       R"(\bstd::(cout|cerr|clog)\b|\bv?f?printf\s*\(|\bf?puts\s*\(|\bputchar\s*\(|#\s*include\s*<iostream>)",
       {"apps/refcalib/main.cpp"}},
      {"the image reader", R"(#\s*include\s*[<"]stb)", {"engine/evaluation/image.cpp"}},
      {"the XML parser",
       R"(#\s*include\s*[<"]pugixml|\bpugi::)",
       {"engine/formats/ir/read_document.cpp", "engine/formats/ir/write_document.cpp",
        "engine/evaluation/annotation/voc_xml.cpp"}},
      {"protocol buffers",
       R"(\.pb\.h\b|\bgoogle::protobuf\b|\bproto::)",
       {"engine/formats/onnx/", "engine/formats/caffe/", "engine/evaluation/lmdb/datum."}},
      {"the library of LMDB",
       R"(#\s*include\s*[<"]lmdb\.h|\bmdb_\w+)",
       {"engine/evaluation/lmdb/database.cpp"}},
      {"the library of NIfTI",
       R"(#\s*include\s*[<"]nifti1|\bnifti_(image|set)_\w+)",
       {"engine/evaluation/nifti/read_nifti.cpp"}},
      {"the YAML parser",
       R"(#\s*include\s*[<"]yaml-cpp|\bYAML::)",
       {"engine/evaluation/configuration/yaml_file.cpp"}},
      {"the JSON library",
       R"(#\s*include\s*[<"]nlohmann|\bnlohmann::)",
       {"engine/calibration/target_profile.cpp", "engine/formats/tables/aimet.cpp",
        "engine/formats/tables/refcalib.cpp", "engine/evaluation/annotation/annotation_file.cpp",
        "engine/evaluation/annotation/mscoco.cpp", "engine/evaluation/stored_predictions.cpp",
        "engine/search/search_journal.cpp"}},
      {"the command-line parser",
       R"(#\s*include\s*[<"]CLI/)",
       {"apps/refcalib/command.h", "apps/refcalib/config_options.h", "apps/refcalib/layer_lists.h",
        "apps/refcalib/options.h"}},
      {"flags of instruction sets",
       R"(__attribute__\s*\(\s*\(\s*target|#\s*pragma\s+(GCC|clang)\s+(target|attribute))",
       {}},
  };
  return table;
}

bool is_allowed(const Confined& rule, std::string_view path) {
  return std::any_of(rule.allowed.begin(), rule.allowed.end(),
                     [&](std::string_view start) { return path.starts_with(start); });
}

/// "path:line what" for every use outside the allowed places, and a line for every allowed place without a
/// use, which would mean that the table is out of date or the pattern finds nothing.
std::vector<std::string> misplaced(const Confined& rule, const std::vector<SourceFile>& files) {
  const std::regex pattern{std::string(rule.pattern)};
  std::vector<std::string> found;
  std::vector<bool> used(rule.allowed.size(), false);
  for (const SourceFile& file : files) {
    std::smatch match;
    if (!std::regex_search(file.code, match, pattern)) continue;
    for (std::size_t i = 0; i < rule.allowed.size(); ++i)
      if (file.path.starts_with(rule.allowed[i])) used[i] = true;
    if (is_allowed(rule, file.path)) continue;
    const auto line = refcalib_test::line_of(file.code, static_cast<std::size_t>(match.position()));
    found.push_back(file.path + ":" + std::to_string(line) + " " + std::string(rule.what) + ": " +
                    match.str());
  }
  for (std::size_t i = 0; i < rule.allowed.size(); ++i)
    if (!used[i]) found.push_back(std::string(rule.allowed[i]) + " does not hold " + std::string(rule.what));
  return found;
}

}  // namespace

TEST_CASE("what is confined to a few files is used nowhere else", "[structure]") {
  const std::vector<SourceFile> files = refcalib_test::layer_sources();
  for (const Confined& rule : confined())
    for (const std::string& violation : misplaced(rule, files)) FAIL_CHECK(violation);
}

TEST_CASE("only the table of instruction sets holds their compiler flags", "[structure]") {
  std::vector<SourceFile> files = refcalib_test::read_sources(
      REFCALIB_SOURCE_DIR, {"include", "engine", "apps", "tests", "bench", "examples", "cmake"},
      {".txt", ".cmake"});
  const Confined rule = {"flags of instruction sets",
                         R"((^|[^\w-])-m(arch|tune|cpu|avx|sse|fma|f16c|bmi|lzcnt|popcnt|amx)\w*)",
                         {"cmake/Isa.cmake"}};
  for (const std::string& violation : misplaced(rule, files)) FAIL_CHECK(violation);
}

TEST_CASE("no file is longer than a reader can hold", "[structure]") {
  for (const SourceFile& file : refcalib_test::layer_sources()) {
    INFO(file.path);
    CHECK(std::count(file.code.begin(), file.code.end(), '\n') <= 500);
  }
}

TEST_CASE("confined things are found in code and not in comments", "[structure]") {
  const Confined rule = {"printing", R"(\bstd::cout\b)", {"a.cpp"}};
  const auto file = [](const char* path, const char* text) {
    return SourceFile{path, refcalib_test::without_comments(text), {}};
  };
  CHECK(misplaced(rule, {file("a.cpp", "std::cout << 1;")}).empty());
  CHECK(
      misplaced(rule, {file("a.cpp", "std::cout << 1;"),
                       file("b.cpp", "// std::cout\n/* std::cout\n */ int x = 100'000; std::cout << x;")}) ==
      std::vector<std::string>{"b.cpp:3 printing: std::cout"});
  CHECK(misplaced(rule, {file("a.cpp", "int x;")}) ==
        std::vector<std::string>{"a.cpp does not hold printing"});
}

TEST_CASE("comments are removed, literals stay", "[structure]") {
  using refcalib_test::without_comments;
  CHECK(without_comments("a // b\nc") == "a     \nc");
  CHECK(without_comments("\"// no\" /* yes */ x") == "\"// no\"           x");
  CHECK(without_comments("'\"' // y") == "'\"'     ");
  CHECK(without_comments("R\"x(\" // no)x\" // y") == "R\"x(\" // no)x\"     ");
  CHECK(without_comments("1'000 // y") == "1'000     ");
}
