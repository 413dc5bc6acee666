#include "engine/evaluation/sample.h"

#include <array>

namespace refcalib::engine {

std::string_view name_of(const Truth& truth) noexcept {
  static constexpr std::array<std::string_view, 6> names{"classes", "boxes",    "masks",
                                                         "numbers", "pictures", "items of users"};
  return names[truth.index()];
}

std::string_view name_of(const Prediction& prediction) noexcept {
  static constexpr std::array<std::string_view, 6> names{"classes", "boxes",    "masks",
                                                         "numbers", "pictures", "items of users"};
  return names[prediction.index()];
}

std::string Annotation::name() const {
  std::string text;
  for (const std::string& id : ids) text += (text.empty() ? "" : ", ") + id;
  return text;
}

const DatasetMeta::LabelMap& DatasetMeta::labels() const {
  static const LabelMap none;
  const auto found = label_maps.find("label_map");
  return found == label_maps.end() ? none : found->second;
}

std::vector<std::int64_t> DatasetMeta::foreground(std::string_view map, std::string_view who) const {
  const auto found = label_maps.find(std::string(map));
  if (found == label_maps.end() || found->second.empty())
    throw UsageError(std::string(who) + " needs the names of the labels ('" + std::string(map) +
                     "' of dataset_meta); name a dataset_meta, or make the annotation again with "
                     "refcalib convert-annotation");
  std::vector<std::int64_t> out;
  for (const auto& [label, name] : found->second)
    if (!background || label != *background) out.push_back(label);
  return out;
}

std::string DatasetMeta::label_name(std::int64_t label) const {
  const auto found = labels().find(label);
  return found == labels().end() ? std::to_string(label) : found->second;
}

}  // namespace refcalib::engine
