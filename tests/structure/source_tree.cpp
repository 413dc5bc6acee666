#include "tests/structure/source_tree.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <regex>

namespace refcalib_test {
namespace fs = std::filesystem;

namespace {

/// End of the literal that starts at `i` with a quote; handles escapes.
std::size_t literal_end(std::string_view text, std::size_t i) {
  const char quote = text[i];
  for (++i; i < text.size() && text[i] != quote && text[i] != '\n'; ++i)
    if (text[i] == '\\') ++i;
  return std::min(i + 1, text.size());
}

/// End of R"delimiter( ... )delimiter" whose quote stands at `i`.
std::size_t raw_literal_end(std::string_view text, std::size_t i) {
  const std::size_t open = text.find('(', i);
  if (open == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(i + 1, open - i - 1)) + "\"";
  const std::size_t end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

std::size_t comment_end(std::string_view text, std::size_t i) {
  if (text[i + 1] == '/') return std::min(text.find('\n', i), text.size());
  const std::size_t end = text.find("*/", i + 2);
  return end == std::string_view::npos ? text.size() : end + 2;
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> project_includes(const fs::path& root, const std::string& path,
                                          const std::string& code) {
  static const std::regex pattern(R"(#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<std::string> out;
  for (std::sregex_iterator it(code.begin(), code.end(), pattern), end; it != end; ++it) {
    const std::string name = (*it)[1];
    const fs::path beside = fs::path(path).parent_path() / name;
    for (const fs::path& candidate : {fs::path(name), fs::path("include") / name, beside})
      if (fs::is_regular_file(root / candidate)) {
        out.push_back(candidate.lexically_normal().generic_string());
        break;
      }
  }
  return out;
}

}  // namespace

std::string without_comments(std::string_view text) {
  std::string out(text);
  for (std::size_t i = 0; i < text.size();) {
    const bool after_word = i > 0 && std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0;
    if (text[i] == '/' && i + 1 < text.size() && (text[i + 1] == '/' || text[i + 1] == '*')) {
      const std::size_t end = comment_end(text, i);
      std::replace_if(
          out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(end),
          [](char c) { return c != '\n'; }, ' ');
      i = end;
    } else if (text[i] == '"') {
      i = i > 0 && text[i - 1] == 'R' ? raw_literal_end(text, i) : literal_end(text, i);
    } else if (text[i] == '\'' && !after_word) {  // after a digit it only separates thousands
      i = literal_end(text, i);
    } else {
      ++i;
    }
  }
  return out;
}

std::vector<SourceFile> read_sources(const fs::path& root, const std::vector<std::string>& folders,
                                     const std::vector<std::string>& extensions) {
  std::vector<SourceFile> files;
  for (const std::string& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() ||
          std::find(extensions.begin(), extensions.end(), extension) == extensions.end())
        continue;
      SourceFile file;
      file.path = fs::relative(entry.path(), root).generic_string();
      file.code = without_comments(read_text(entry.path()));
      file.includes = project_includes(root, file.path, file.code);
      files.push_back(std::move(file));
    }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

std::vector<SourceFile> layer_sources() {
  return read_sources(REFCALIB_SOURCE_DIR, {"include", "engine", "apps"}, {".h", ".hpp", ".cpp", ".def"});
}

std::size_t line_of(std::string_view text, std::size_t offset) {
  return 1 + static_cast<std::size_t>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

}  // namespace refcalib_test
