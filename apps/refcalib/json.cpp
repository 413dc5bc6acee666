#include "apps/refcalib/json.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "apps/refcalib/text.h"

namespace refcalib::app {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_number(double value) {
  return std::isfinite(value) ? significant(value, 9) : "null";
}

JsonObject& JsonObject::add(std::string_view key, const std::vector<JsonObject>& values) {
  std::string list = "[";
  for (const JsonObject& value : values) list += (list.size() == 1 ? "" : ",\n  ") + value.text();
  return raw(key, list + "]");
}

JsonObject& JsonObject::raw(std::string_view key, const std::string& value) {
  members_ += (members_.empty() ? "" : ",\n ") + json_string(key) + ": " + value;
  return *this;
}

}  // namespace refcalib::app
