#include "apps/refcalib/shape_option.h"

#include <charconv>

#include "engine/core/error.h"

namespace refcalib::app {
namespace {

[[noreturn]] void refuse(const std::string& text) {
  throw engine::UsageError("--shape '" + text + "': [1,3,224,224] or name[1,3,224,224],name[…] expected");
}

engine::Shape parse_dimensions(const std::string& all, std::size_t begin, std::size_t end) {
  engine::Shape shape;
  const char* at = all.data() + begin;
  const char* const stop = all.data() + end;
  while (true) {
    std::int64_t dimension = 0;
    const auto [next, error] = std::from_chars(at, stop, dimension);
    if (error != std::errc() || dimension < 1 || (next != stop && *next != ',')) refuse(all);
    shape.push_back(dimension);
    if (next == stop) return shape;
    at = next + 1;
  }
}

}  // namespace

std::vector<std::pair<std::string, engine::Shape>> parse_shapes(const std::string& text) {
  std::vector<std::pair<std::string, engine::Shape>> shapes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find('[', at), close = text.find(']', at);
    if (open == std::string::npos || close == std::string::npos || close < open) refuse(text);
    shapes.emplace_back(text.substr(at, open - at), parse_dimensions(text, open + 1, close));
    at = close + 1;
    if (at == text.size()) break;
    if (text[at] != ',' || at + 1 == text.size()) refuse(text);
    ++at;
  }
  return shapes;
}

}  // namespace refcalib::app
