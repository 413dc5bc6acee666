#include "engine/calibration/name_pattern.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

constexpr std::string_view kExpression = "re:";

/// Whether a set such as `[a-c_]` or `[!x]` holds a character; `end` becomes the place behind it, or stays npos if it is not closed.
bool in_set(std::string_view pattern, char c, std::size_t& end) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) {
      end = i + 1;
      return found != negated;
    }
    const char low = pattern[i];
    char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = pattern[i + 2];
      i += 2;
    }
    found = found || (low <= c && c <= high);
    ++i;
  }
  return false;
}

/// Globs with one place to come back to: the last `*`.
bool glob_matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    bool step = false;
    std::size_t next = p + 1;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '[') {
      std::size_t end = std::string_view::npos;
      const bool found = in_set(pattern.substr(p), name[n], end);
      if (end == std::string_view::npos)
        step = name[n] == '[';
      else {
        step = found;
        next = p + end;
      }
    } else {
      step = p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n]);
    }
    if (step) {
      p = next;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Edits between two texts in half steps (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  const std::size_t columns = b.size() + 1;
  std::vector<std::size_t> older(columns), old(columns), row(columns);
  for (std::size_t j = 0; j < columns; ++j) row[j] = 2 * j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(older, old);
    std::swap(old, row);
    row[0] = 2 * i;
    for (std::size_t j = 1; j < columns; ++j) {
      const std::size_t replace = a[i - 1] == b[j - 1] ? 0 : lower(a[i - 1]) == lower(b[j - 1]) ? 1 : 2;
      row[j] = std::min({old[j] + 2, row[j - 1] + 2, old[j - 1] + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], older[j - 2] + 2);
    }
  }
  return row.back();
}

}  // namespace

NamePattern::NamePattern(std::string text) : text_(std::move(text)) {
  if (!text_.starts_with(kExpression)) {
    is_glob_ = text_.find_first_of("*?[") != std::string::npos;
    return;
  }
  try {
    expression_.emplace(text_.substr(kExpression.size()), std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw UsageError("'" + text_ + "' is no regular expression: " + error.what());
  }
}

bool NamePattern::matches(const std::string& name) const {
  if (name == text_) return true;
  if (expression_) return std::regex_match(name, *expression_);
  return is_glob_ && glob_matches(text_, name);
}

NamePatterns::NamePatterns(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) patterns_.emplace_back(text);
}

bool NamePatterns::matches(const std::string& name) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const NamePattern& pattern) { return pattern.matches(name); });
}

void NamePatterns::require_matches(const std::set<std::string>& known, const std::string& what) const {
  std::string unknown;
  for (const NamePattern& pattern : patterns_) {
    if (std::any_of(known.begin(), known.end(),
                    [&](const std::string& name) { return pattern.matches(name); }))
      continue;
    unknown += (unknown.empty() ? "'" : ", '") + pattern.text() + "'";
    if (const std::string nearest = nearest_name(pattern.text(), known); !nearest.empty())
      unknown += " (is '" + nearest + "' meant?)";
  }
  if (!unknown.empty())
    throw UsageError("no " + what + " " + unknown, {{}, {}, "list the layers with 'refcalib inspect'"});
}

std::string nearest_name(const std::string& text, const std::set<std::string>& known) {
  std::string best;
  std::size_t least = 2 * text.size() / 3 + 2;  // half steps: a third of the text, at least one
  for (const std::string& name : known)
    if (const std::size_t edits = distance(text, name); edits < least) {
      least = edits;
      best = name;
    }
  return best;
}

}  // namespace refcalib::engine
