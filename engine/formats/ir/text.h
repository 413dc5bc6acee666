#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::engine::ir {

/// Numbers and lists as IR files spell them. Every parser consumes its whole text, surrounding blanks aside,
/// and accepts brackets around it ("[0.]"), which exporters leave behind. `what` names the text in the
/// FormatError that is thrown otherwise.

std::int64_t parse_integer(std::string_view text, std::string_view what);
/// Base 10, C locale; "inf" and "nan" are accepted. A magnitude that double cannot hold is an error.
double parse_real(std::string_view text, std::string_view what);
/// true/false in any case, else an integer that is not 0.
bool parse_boolean(std::string_view text, std::string_view what);
/// Separated by commas, blanks or both; an empty text is an empty list.
std::vector<std::int64_t> parse_integers(std::string_view text, std::string_view what);
std::vector<float> parse_floats(std::string_view text, std::string_view what);

/// Nine significant digits: the shortest count that gives every float back exactly.
std::string format_float(float value);
/// Joined by ", ".
std::string format_floats(std::span<const float> values);

std::string lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;

}  // namespace refcalib::engine::ir
