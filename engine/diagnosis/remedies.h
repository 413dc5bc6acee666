#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/diagnosis/channel_error.h"
#include "engine/diagnosis/layer_change.h"

namespace refcalib::engine {

/// A way to make up for a reason, to be tried in the whole network.
struct Remedy {
  std::string_view name;
  std::string_view advice;  ///< what the user does to get it
  /// The change with the remedy; nullopt: the layer stays in float. `value`: the layer's value in the float network.
  std::optional<LayerChange> (*apply)(const Graph& reference, const LayerChange& change,
                                      const ValueError& value);
};

/// All of them, named by the reasons that they may help against.
const std::vector<Remedy>& remedies();

/// The one of that name.
const Remedy& find_remedy(std::string_view name);

}  // namespace refcalib::engine
