#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

/// Copies the bytes that blobs name behind one another; equal contents share one place.
class Gatherer {
 public:
  explicit Gatherer(const Document& document) : document_(document) {}

  /// The place of a blob's bytes in the new weights.
  std::uint64_t place(const Blob& blob, const std::string& layer) {
    const auto content = document_.bytes(blob, layer);
    const std::size_t hash =
        std::hash<std::string_view>{}({reinterpret_cast<const char*>(content.data()), content.size()});
    for (auto [it, end] = places_.equal_range(hash); it != end; ++it) {
      const auto& [offset, size] = it->second;
      if (size == content.size() &&
          std::equal(content.begin(), content.end(), bytes_->begin() + static_cast<std::ptrdiff_t>(offset)))
        return offset;
    }
    // Elements of every type lie at multiples of their size.
    constexpr std::size_t alignment = 8;
    const std::size_t offset = (bytes_->size() + alignment - 1) / alignment * alignment;
    bytes_->resize(offset);
    bytes_->insert(bytes_->end(), content.begin(), content.end());
    places_.emplace(hash, std::pair{offset, content.size()});
    return offset;
  }

  std::shared_ptr<const std::vector<std::byte>> bytes() const { return bytes_; }

 private:
  const Document& document_;
  std::shared_ptr<std::vector<std::byte>> bytes_ = std::make_shared<std::vector<std::byte>>();
  std::unordered_multimap<std::size_t, std::pair<std::size_t, std::size_t>>
      places_;  ///< offset and size by hash
};

/// Sub-graphs are kept as text, with offsets that nobody here may change.
bool names_bytes_in_text(const Document& document) {
  for (const Layer& layer : document.layers)
    if (layer.raw.find("offset=") != std::string::npos || layer.data_raw.find("offset=") != std::string::npos)
      return true;
  return document.raw.find("offset=") != std::string::npos;
}

}  // namespace

void drop_unused_bytes(Document& document) {
  if (names_bytes_in_text(document)) return;
  Gatherer gatherer(document);
  std::vector<Layer> layers = document.layers;
  for (Layer& layer : layers) {
    for (Blob& blob : layer.blobs) blob.offset = gatherer.place(blob, layer.name);
    if (document.legacy() || !equal_ignoring_case(layer.type, "Const")) continue;
    layer.set_attribute("offset", std::to_string(gatherer.place(constant_blob(layer), layer.name)));
  }
  std::vector<PreProcess> processes = document.pre_process;
  for (PreProcess& process : processes)
    for (PreProcess::Channel& channel : process.channels)
      if (channel.mean_plane) channel.mean_plane->offset = gatherer.place(*channel.mean_plane, process.input);
  document.layers = std::move(layers);
  document.pre_process = std::move(processes);
  document.weights = *gatherer.bytes();
  document.weights_owner = gatherer.bytes();
  document.appended.clear();
}

}  // namespace refcalib::engine::ir
