#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::app {

/// A text as a JSON string with its quotes (RFC 8259); bytes above 127 pass through as UTF-8.
std::string json_string(std::string_view text);
/// A number with nine significant digits; null if it is not finite.
std::string json_number(double value);

/// Builds one JSON object member by member, in the order of the calls.
class JsonObject {
 public:
  JsonObject& add(std::string_view key, std::string_view value) { return raw(key, json_string(value)); }
  JsonObject& add(std::string_view key, const char* value) { return raw(key, json_string(value)); }
  template <std::integral T>
  JsonObject& add(std::string_view key, T value) {
    return raw(key, std::to_string(value));
  }
  JsonObject& add(std::string_view key, double value) { return raw(key, json_number(value)); }
  JsonObject& add(std::string_view key, const JsonObject& value) { return raw(key, value.text()); }
  JsonObject& add(std::string_view key, const std::vector<JsonObject>& values);
  std::string text() const { return "{" + members_ + "}"; }

 private:
  JsonObject& raw(std::string_view key, const std::string& value);
  std::string members_;
};

}  // namespace refcalib::app
