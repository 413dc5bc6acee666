#pragma once

#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace refcalib::engine {

/// What a user writes to name layers: a name, a glob (`*` any characters, `?` one, `[a-c]` one of a set), or `re:EXPRESSION`, an
/// ECMAScript regular expression for the whole name. A name that exists is taken as it is, also where it has such characters.
class NamePattern {
 public:
  /// Throws UsageError for an expression that cannot be read.
  explicit NamePattern(std::string text);

  const std::string& text() const noexcept { return text_; }
  bool matches(const std::string& name) const;

 private:
  std::string text_;
  bool is_glob_ = false;
  std::optional<std::regex> expression_;
};

/// A list of patterns for the names of one network.
class NamePatterns {
 public:
  explicit NamePatterns(const std::vector<std::string>& texts);

  bool empty() const noexcept { return patterns_.empty(); }
  bool matches(const std::string& name) const;
  /// Throws UsageError naming the patterns that match none of `known`, each with the nearest name. `what`: "layer", "layer type".
  void require_matches(const std::set<std::string>& known, const std::string& what) const;

 private:
  std::vector<NamePattern> patterns_;
};

/// The name with the fewest edits (insertions, deletions, replacements, swaps of neighbours; letters of another case count half) away
/// from `text`; empty if more than a third of it would change.
std::string nearest_name(const std::string& text, const std::set<std::string>& known);

}  // namespace refcalib::engine
