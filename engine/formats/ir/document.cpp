#include "engine/formats/ir/document.h"

#include <algorithm>
#include <string>

#include "engine/core/error.h"

namespace refcalib::engine::ir {

const std::string* Layer::attribute(std::string_view key) const noexcept {
  for (const auto& [name_, value] : attributes)
    if (name_ == key) return value.empty() ? nullptr : &value;
  return nullptr;
}

void Layer::set_attribute(std::string_view key, std::string value) {
  for (auto& [name_, old] : attributes)
    if (name_ == key) {
      old = std::move(value);
      return;
    }
  attributes.emplace_back(key, std::move(value));
}

void Layer::remove_attribute(std::string_view key) {
  std::erase_if(attributes, [key](const auto& attribute) { return attribute.first == key; });
}

std::span<const std::byte> Document::bytes(const Blob& blob, const std::string& layer) const {
  const std::uint64_t base = weights.size();
  const bool behind = blob.offset >= base && !appended.empty();
  const std::span<const std::byte> source = behind ? std::span<const std::byte>(appended) : weights;
  const std::uint64_t offset = behind ? blob.offset - base : blob.offset;
  if (offset > source.size() || blob.size > source.size() - offset)
    throw FormatError(
        "blob '" + blob.name + "' of " + std::to_string(blob.size) + " bytes at offset " +
            std::to_string(blob.offset) + " lies outside the weights file of " +
            std::to_string(base + appended.size()) + " bytes",
        {xml_path.string(), layer, "check that " + bin_path.string() + " belongs to this model"});
  return source.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(blob.size));
}

Blob Document::append(std::string blob_name, std::span<const std::byte> content, std::string blob_precision) {
  Blob blob;
  blob.name = std::move(blob_name);
  blob.offset = weights.size() + appended.size();
  blob.size = content.size();
  blob.precision = std::move(blob_precision);
  appended.insert(appended.end(), content.begin(), content.end());
  return blob;
}

std::filesystem::path weights_path_of(const std::filesystem::path& xml) {
  std::string path = xml.string();
  if (path.ends_with(".xml")) path.resize(path.size() - 4);
  return path + ".bin";
}

}  // namespace refcalib::engine::ir
