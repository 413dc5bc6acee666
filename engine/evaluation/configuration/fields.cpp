#include "engine/evaluation/configuration/fields.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>

namespace refcalib::engine {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// The parts of "a, b, c", also within brackets.
std::vector<std::string> split(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && (text.front() == '[' || text.front() == '('))
    text = text.substr(1, text.size() - 2);
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    parts.emplace_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (trimmed(text).empty()) break;
  }
  return parts;
}

std::string range_text(const Fields::Range& range) {
  std::string text = range.whole ? "a whole number" : "a number";
  if (std::isfinite(range.low)) text += " from " + number_text(range.low);
  if (std::isfinite(range.high)) text += " to " + number_text(range.high);
  return text;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t k = 0; k < b.size(); ++k) {
      const std::size_t changed = diagonal + (a[i] == b[k] ? 0U : 1U);
      diagonal = row[k + 1];
      row[k + 1] = std::min({changed, row[k] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string quoted_list(const std::vector<std::string_view>& names) {
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "'" : ", '") + std::string(name) + "'";
  return text;
}

std::string nearest_name(std::string_view name, const std::vector<std::string_view>& known) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : known)
    if (const std::size_t d = distance(lower(name), lower(candidate)); d < least) {
      least = d;
      best = candidate;
    }
  return best;
}

std::string number_text(double value) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? std::string(digits.data(), end) : std::to_string(value);
}

std::optional<double> parse_number(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || text.empty() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

Fields::Fields(const ConfigNode& node, std::string what, std::string_view short_key)
    : node_(&node), what_(std::move(what)), short_key_(short_key) {
  if (node.kind != ConfigNode::Kind::map && node.kind != ConfigNode::Kind::text)
    config_error(node, what_ + " must be a name or a list of fields `" + short_key_ + ": …`");
}

const ConfigNode* Fields::find(std::string_view key) const noexcept {
  if (node_->kind == ConfigNode::Kind::text) return key == short_key_ ? node_ : nullptr;
  const ConfigNode* const found = node_->find(key);
  return found != nullptr && found->kind == ConfigNode::Kind::null ? nullptr : found;
}

bool Fields::has(std::string_view key) const noexcept {
  return find(key) != nullptr;
}

void Fields::note(std::string_view key, std::string value, bool given) {
  const auto known =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  if (known != entries_.end())
    *known = {std::string(key), std::move(value), given};
  else
    entries_.push_back({std::string(key), std::move(value), given});
}

void Fields::fail(std::string_view key, const std::string& problem, const std::string& remedy) const {
  const ConfigNode* const at = find(key);
  config_error(at != nullptr ? *at : *node_, what_ + ": " + problem, remedy);
}

const ConfigNode* Fields::scalar(std::string_view key) {
  asked_.emplace_back(key);
  const ConfigNode* const found = find(key);
  if (found != nullptr && found->kind != ConfigNode::Kind::text)
    fail(key, "'" + std::string(key) + "' must be one value");
  return found;
}

std::string Fields::text(std::string_view key) {
  const ConfigNode* const found = scalar(key);
  if (found == nullptr) fail(key, "'" + std::string(key) + "' is missing");
  note(key, found->text, true);
  return found->text;
}

std::string Fields::text(std::string_view key, std::string_view otherwise) {
  const ConfigNode* const found = scalar(key);
  note(key, found != nullptr ? found->text : std::string(otherwise), found != nullptr);
  return found != nullptr ? found->text : std::string(otherwise);
}

std::optional<std::string> Fields::optional_text(std::string_view key) {
  const ConfigNode* const found = scalar(key);
  if (found == nullptr) return std::nullopt;
  note(key, found->text, true);
  return found->text;
}

std::string Fields::choice(std::string_view key, std::string_view otherwise,
                           std::initializer_list<std::string_view> choices) {
  return choice(key, otherwise, std::vector<std::string_view>(choices));
}

std::string Fields::choice(std::string_view key, std::string_view otherwise,
                           const std::vector<std::string_view>& choices) {
  const ConfigNode* const found = scalar(key);
  const std::string given = found != nullptr ? found->text : std::string(otherwise);
  for (const std::string_view name : choices)
    if (lower(name) == lower(given)) {
      note(key, std::string(name), found != nullptr);
      return std::string(name);
    }
  fail(key, "'" + std::string(key) + "' is '" + given + "'", "it may be " + quoted_list(choices));
}

double Fields::number(std::string_view key, std::optional<double> otherwise) {
  return number(key, otherwise, Range{});
}

double Fields::number(std::string_view key, std::optional<double> otherwise, const Range& range) {
  const std::optional<double> given = optional_number(key, range);
  if (given) return *given;
  if (!otherwise) fail(key, "'" + std::string(key) + "' is missing", "it must be " + range_text(range));
  note(key, number_text(*otherwise), false);
  return *otherwise;
}

std::optional<double> Fields::optional_number(std::string_view key, const Range& range) {
  const ConfigNode* const found = scalar(key);
  if (found == nullptr) return std::nullopt;
  const std::optional<double> value = parse_number(found->text);
  if (!value || *value < range.low || *value > range.high || (range.whole && *value != std::floor(*value)))
    fail(key, "'" + std::string(key) + "' is '" + found->text + "'", "it must be " + range_text(range));
  note(key, number_text(*value), true);
  return value;
}

int Fields::integer(std::string_view key, std::optional<int> otherwise, int low, int high) {
  const std::optional<double> standard = otherwise ? std::optional<double>(*otherwise) : std::nullopt;
  return static_cast<int>(number(key, standard, {static_cast<double>(low), static_cast<double>(high), true}));
}

bool Fields::flag(std::string_view key, bool otherwise) {
  const ConfigNode* const found = scalar(key);
  const std::string given = found != nullptr ? lower(found->text) : (otherwise ? "true" : "false");
  static constexpr std::array<std::string_view, 5> yes{"true", "yes", "on", "1", "y"},
      no{"false", "no", "off", "0", "n"};
  const bool is_yes = std::find(yes.begin(), yes.end(), given) != yes.end();
  if (!is_yes && std::find(no.begin(), no.end(), given) == no.end())
    fail(key, "'" + std::string(key) + "' is '" + given + "'", "it may be True or False");
  note(key, is_yes ? "True" : "False", found != nullptr);
  return is_yes;
}

std::vector<double> Fields::numbers(std::string_view key) {
  const std::vector<std::string> parts = texts(key);
  std::vector<double> out;
  for (const std::string& part : parts) {
    const std::optional<double> value = parse_number(part);
    if (!value) fail(key, "'" + std::string(key) + "' holds '" + part + "'", "numbers are expected");
    out.push_back(*value);
  }
  return out;
}

std::vector<std::string> Fields::texts(std::string_view key) {
  asked_.emplace_back(key);
  const ConfigNode* const found = find(key);
  if (found == nullptr) return {};
  std::vector<std::string> parts;
  if (found->kind == ConfigNode::Kind::text) parts = split(found->text);
  if (found->kind == ConfigNode::Kind::map) fail(key, "'" + std::string(key) + "' must be a list");
  for (const ConfigNode& entry : found->list) {
    if (entry.kind != ConfigNode::Kind::text) fail(key, "'" + std::string(key) + "' must be a plain list");
    parts.push_back(entry.text);
  }
  std::string shown;
  for (const std::string& part : parts) shown += (shown.empty() ? "" : ", ") + part;
  note(key, "[" + shown + "]", true);
  return parts;
}

const ConfigNode* Fields::raw(std::string_view key) {
  asked_.emplace_back(key);
  const ConfigNode* const found = find(key);
  if (found != nullptr && found->kind == ConfigNode::Kind::text) note(key, found->text, true);
  return found;
}

void Fields::finish() const {
  for (const auto& [key, value] : node_->map) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    std::vector<std::string_view> known;
    for (const std::string& name : asked_)
      if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
    const std::string near = nearest_name(key, known);
    config_error(value, what_ + " has no field '" + key + "'",
                 near.empty() ? "it has " + quoted_list(known) : "did you mean '" + near + "'?");
  }
}

}  // namespace refcalib::engine
