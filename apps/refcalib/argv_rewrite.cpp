#include "apps/refcalib/argv_rewrite.h"

#include <algorithm>
#include <cctype>

#include "engine/core/error.h"

namespace refcalib::app {
namespace {

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

/// "-1", "-.5", "-0.5,2": what follows an option as its value.
bool is_negative_number(std::string_view text) {
  if (text.size() < 2 || text[0] != '-') return false;
  const char first = text[1] == '.' && text.size() > 2 ? text[2] : text[1];
  return std::isdigit(static_cast<unsigned char>(first)) != 0;
}

std::string with_dashes(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

/// The declared long name that `name` (beginning with "--") means, or `name` itself if there is none.
std::string complete(const std::string& name, std::span<const std::string> long_names) {
  if (std::find(long_names.begin(), long_names.end(), name) != long_names.end()) return name;
  std::vector<std::string_view> candidates;
  for (const std::string& known : long_names)
    if (known.starts_with(name)) candidates.push_back(known);
  if (candidates.size() == 1) return std::string(candidates.front());
  if (candidates.empty()) return name;
  std::string list;
  for (const std::string_view candidate : candidates)
    list += (list.empty() ? "" : ", ") + std::string(candidate);
  throw engine::UsageError("option " + name + " is ambiguous: " + list);
}

/// The name of one option, without its value, in the declared spelling.
std::string rewrite_name(const std::string& name, std::span<const Alias> aliases,
                         std::span<const std::string> long_names) {
  for (const Alias& alias : aliases)
    if (alias.spelling == name || alias.spelling == with_dashes(name)) return std::string(alias.option);
  const bool two_dashes = name.starts_with("--");
  if (two_dashes) return name.size() > 2 ? complete(with_dashes(name), long_names) : name;
  if (name.size() < 3) return name;
  const std::string spelled_out = "-" + with_dashes(name);
  const bool known = std::find(long_names.begin(), long_names.end(), spelled_out) != long_names.end();
  return known ? spelled_out : name;
}

}  // namespace

std::vector<std::string> rewrite_arguments(std::span<const std::string> arguments,
                                           std::span<const Alias> aliases,
                                           std::span<const std::string> long_names) {
  std::vector<std::string> out;
  bool after_option = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      out.insert(out.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      break;
    }
    if (after_option && is_negative_number(argument)) {
      out.back() += "=" + argument;
      after_option = false;
      continue;
    }
    const bool option =
        argument.size() > 1 && argument[0] == '-' && (argument[1] == '-' || is_letter(argument[1]));
    if (!option) {
      out.push_back(argument);
      after_option = false;
      continue;
    }
    const std::size_t equals = argument.find('=');
    out.push_back(rewrite_name(argument.substr(0, equals), aliases, long_names));
    if (equals != std::string::npos) out.back() += argument.substr(equals);
    after_option = equals == std::string::npos && out.back().starts_with("--");
  }
  return out;
}

}  // namespace refcalib::app
