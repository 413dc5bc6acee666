#pragma once

#include <string>

namespace refcalib::engine {

/// The content of a gzip file (RFC 1952) of one member, by the decoder that reads PNG, which stands in image.cpp. `name` is for messages.
/// Throws FormatError.
std::string unpack_gzip(const std::string& bytes, const std::string& name);

}  // namespace refcalib::engine
