#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/evaluation/image.h"

namespace refcalib::engine::lmdb {

/// What a record holds: a picture, or numbers [channels][height][width].
using Content = std::variant<Image, std::vector<float>>;

/// Decodes a record, a serialized Datum of Caffe. `name` is for messages. Throws FormatError for bytes that are no Datum, for a Datum without
/// content and one whose content has not the size that it states, and as decode_image.
Content decode_datum(std::string_view record, const std::string& name);

/// The label of a record, whose content is passed over; nullopt for a record without one, or with a negative one, or that is no Datum.
std::optional<std::size_t> label_of(std::string_view record);

}  // namespace refcalib::engine::lmdb
