#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/configuration/config_node.h"

namespace refcalib::engine {

/// Reads the fields of one entry of a configuration, checks them, and remembers what was understood, with
/// every default. All errors are FormatError with file, line and the accepted spellings.
class Fields {
 public:
  struct Range {
    double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
    bool whole = false;
  };
  /// A field as understood, for reports.
  struct Entry {
    std::string key, value;
    bool given = false;  ///< false: the default
  };

  /// `node`: a map, or a text that is the value of `short_key` (as in `adapter: ssd`). `what` names the
  /// entry in messages: "metric". `node` must outlive the reader.
  Fields(const ConfigNode& node, std::string what, std::string_view short_key = "type");

  const std::string& what() const noexcept { return what_; }
  /// Names the entry once its kind is known: "metric 'map'".
  void rename(std::string what) { what_ = std::move(what); }
  const ConfigNode& node() const noexcept { return *node_; }

  bool has(std::string_view key) const noexcept;
  /// A field that must be there.
  std::string text(std::string_view key);
  std::string text(std::string_view key, std::string_view otherwise);
  std::optional<std::string> optional_text(std::string_view key);
  /// One of `choices`, in any case.
  std::string choice(std::string_view key, std::string_view otherwise,
                     std::initializer_list<std::string_view> choices);
  std::string choice(std::string_view key, std::string_view otherwise,
                     const std::vector<std::string_view>& choices);
  /// A field that must be there if `otherwise` is empty.
  double number(std::string_view key, std::optional<double> otherwise, const Range& range);
  double number(std::string_view key, std::optional<double> otherwise);
  std::optional<double> optional_number(std::string_view key, const Range& range);
  int integer(std::string_view key, std::optional<int> otherwise, int low, int high);
  bool flag(std::string_view key, bool otherwise);
  /// A number, a list of numbers, or a text "a, b, c" (with or without brackets). Empty if the key is absent.
  std::vector<double> numbers(std::string_view key);
  /// A list of texts, or one text with commas. Empty if the key is absent.
  std::vector<std::string> texts(std::string_view key);
  /// An entry of any kind; remembered as `shown`.
  const ConfigNode* raw(std::string_view key);
  /// Accepts a field and does nothing with it.
  void ignore(std::string_view key) { raw(key); }

  /// Throws for keys that nobody asked for.
  void finish() const;
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  /// Error at a field (or the entry, if it is absent).
  [[noreturn]] void fail(std::string_view key, const std::string& problem,
                         const std::string& remedy = {}) const;

 private:
  const ConfigNode* find(std::string_view key) const noexcept;
  const ConfigNode* scalar(std::string_view key);
  void note(std::string_view key, std::string value, bool given);

  const ConfigNode* node_;
  std::string what_;
  std::string short_key_;
  std::vector<std::string> asked_;
  std::vector<Entry> entries_;
};

/// The texts with quotes and commas: 'a', 'b'.
std::string quoted_list(const std::vector<std::string_view>& names);
/// The name of `known` nearest to `name` if it is near enough to be meant, else an empty text.
std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known);

/// Shortest decimal that reads back as the same number.
std::string number_text(double value);
/// Parses a whole text as a finite number.
std::optional<double> parse_number(std::string_view text) noexcept;

}  // namespace refcalib::engine
