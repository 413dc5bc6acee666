#include "engine/core/error.h"

#include <utility>

namespace refcalib::engine {
namespace {

std::string one_line(const std::string& message, const ErrorContext& context) {
  std::string line;
  if (!context.file.empty()) line += context.file + ": ";
  if (!context.layer.empty()) line += "layer '" + context.layer + "': ";
  line += message;
  if (!context.remedy.empty()) line += "; " + context.remedy;
  for (char& c : line)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  return line;
}

const std::string& first_non_empty(const std::string& inner, const std::string& outer) {
  return inner.empty() ? outer : inner;
}

}  // namespace

Error::Error(std::string what, ErrorContext context)
    : std::runtime_error(one_line(what, context)), message_(std::move(what)), context_(std::move(context)) {}

Error Error::with(const ErrorContext& outer) const {
  return Error(message_,
               {first_non_empty(context_.file, outer.file), first_non_empty(context_.layer, outer.layer),
                first_non_empty(context_.remedy, outer.remedy)});
}

}  // namespace refcalib::engine
