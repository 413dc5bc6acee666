#include "engine/formats/ir/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <system_error>

#include "engine/core/error.h"

namespace refcalib::engine::ir {
namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view unwrapped(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = trimmed(text.substr(1, text.size() - 2));
  return text;
}

[[noreturn]] void fail(std::string_view text, std::string_view what, std::string_view expected) {
  std::string shown(text.substr(0, 40));
  if (text.size() > 40) shown += "...";
  throw FormatError(std::string(what) + " \"" + shown + "\" is not " + std::string(expected));
}

/// from_chars knows no leading plus sign.
std::string_view without_plus(std::string_view text) noexcept {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

template <class T>
std::errc parse_whole(std::string_view text, T& value) noexcept {
  text = without_plus(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return error;
  return end == text.data() + text.size() ? std::errc{} : std::errc::invalid_argument;
}

/// from_chars reports "out of range" for both ends; a text with a negative exponent or a leading zero is the
/// small one.
double parse_extreme(std::string_view text, std::string_view what) {
  const bool small = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos ||
                     text.find("0.") <= 1;
  if (!small) fail(text, what, "a number that fits 64-bit floating point");
  return 0;
}

template <class F>
void for_each_item(std::string_view text, const F& item) {
  text = unwrapped(text);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(", \t\r\n"), text.size());
    item(text.substr(0, end));
    text = trimmed(text.substr(end));
    if (!text.empty() && text.front() == ',') text = trimmed(text.substr(1));
  }
}

}  // namespace

std::int64_t parse_integer(std::string_view text, std::string_view what) {
  const std::string_view digits = unwrapped(text);
  std::int64_t value = 0;
  const std::errc error = parse_whole(digits, value);
  if (error == std::errc::result_out_of_range) fail(text, what, "an integer within range");
  if (error != std::errc{}) fail(text, what, "an integer");
  return value;
}

double parse_real(std::string_view text, std::string_view what) {
  const std::string_view digits = unwrapped(text);
  double value = 0;
  const std::errc error = parse_whole(digits, value);
  if (error == std::errc::result_out_of_range) return parse_extreme(digits, what);
  if (error != std::errc{}) fail(text, what, "a number");
  return value;
}

bool parse_boolean(std::string_view text, std::string_view what) {
  const std::string_view word = unwrapped(text);
  if (equal_ignoring_case(word, "true")) return true;
  if (equal_ignoring_case(word, "false")) return false;
  std::int64_t value = 0;
  if (parse_whole(word, value) != std::errc{}) fail(text, what, "true or false");
  return value != 0;
}

std::vector<std::int64_t> parse_integers(std::string_view text, std::string_view what) {
  std::vector<std::int64_t> values;
  for_each_item(text, [&](std::string_view item) {
    std::int64_t value = 0;
    // Exporters write some integer lists as floats: "1.0,1.0".
    double real = 0;
    if (parse_whole(item, value) != std::errc{}) {
      if (parse_whole(item, real) != std::errc{} || real != std::trunc(real) || std::abs(real) > 0x1p53)
        fail(item, what, "an integer");
      value = static_cast<std::int64_t>(real);
    }
    values.push_back(value);
  });
  return values;
}

std::vector<float> parse_floats(std::string_view text, std::string_view what) {
  std::vector<float> values;
  for_each_item(text, [&](std::string_view item) {
    // Parsed as float directly: going through double could round twice.
    float value = 0;
    const std::errc error = parse_whole(item, value);
    if (error == std::errc::result_out_of_range) {
      value = static_cast<float>(parse_real(item, what));
    } else if (error != std::errc{}) {
      fail(item, what, "a number");
    }
    values.push_back(value);
  });
  return values;
}

std::string format_float(float value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 9);
  return error == std::errc{} ? std::string(text, end) : std::string();
}

std::string format_floats(std::span<const float> values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) text += ", ";
    text += format_float(values[i]);
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return fold(x) == fold(y); });
}

}  // namespace refcalib::engine::ir
