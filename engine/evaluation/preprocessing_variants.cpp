#include "engine/evaluation/preprocessing_variants.h"

#include <algorithm>
#include <array>

namespace refcalib::engine {
namespace {

std::string type_of(const ConfigNode& step) {
  if (step.kind == ConfigNode::Kind::text) return step.text;
  const ConfigNode* const type = step.find("type");
  return type != nullptr ? type->text : "";
}

bool is_swap(const ConfigNode& step) {
  return type_of(step) == "bgr_to_rgb" || type_of(step) == "rgb_to_bgr";
}
bool is_normalization(const ConfigNode& step) {
  return type_of(step) == "normalization";
}
bool is_size(const ConfigNode& step) {
  static constexpr std::array<std::string_view, 4> names{"resize", "crop", "auto_resize", "padding"};
  return std::find(names.begin(), names.end(), type_of(step)) != names.end();
}

/// Usual normalizations; means and scales of three channels are in the order RGB.
struct Usual {
  const char* what;
  const char *mean_rgb, *mean_bgr, *std_rgb, *std_bgr;
};
constexpr std::array<Usual, 6> kUsual{{
    {"(x - 127.5) / 127.5", "127.5", "127.5", "127.5", "127.5"},
    {"(x - 127) / 128", "127", "127", "128", "128"},
    {"x / 255", "0", "0", "255", "255"},
    {"ImageNet means 123, 117, 104", "123, 117, 104", "104, 117, 123", "1", "1"},
    {"ImageNet means and deviations", "123.675, 116.28, 103.53", "103.53, 116.28, 123.675",
     "58.395, 57.12, 57.375", "57.375, 57.12, 58.395"},
    {"(x - 127.5) * 0.007843", "127.5", "127.5", "127.50223", "127.50223"},
}};

using Steps = std::vector<ConfigNode>;

Steps without(const Steps& steps, bool (*is)(const ConfigNode&)) {
  Steps out;
  std::copy_if(steps.begin(), steps.end(), std::back_inserter(out),
               [&](const ConfigNode& s) { return !is(s); });
  return out;
}

/// The steps with the colours in this order; `swaps`: how many steps exchange them now.
Steps in_order(const Steps& steps, bool swapped) {
  Steps out = without(steps, is_swap);
  if (swapped) out.insert(out.begin(), map_node({{"type", "bgr_to_rgb"}}));
  return out;
}

Steps normalized(const Steps& steps, const Usual& usual, bool rgb) {
  Steps out = without(steps, is_normalization);
  out.push_back(map_node({{"type", "normalization"},
                          {"mean", rgb ? usual.mean_rgb : usual.mean_bgr},
                          {"std", rgb ? usual.std_rgb : usual.std_bgr}}));
  return out;
}

Steps sized(const Steps& steps, const Steps& size_steps) {
  Steps out = without(steps, is_size);
  const auto at = std::find_if(out.begin(), out.end(), is_normalization);
  out.insert(at, size_steps.begin(), size_steps.end());
  return out;
}

std::string fields_text(const Steps& steps) {
  std::string text;
  for (const ConfigNode& step : steps) {
    text += type_of(step) + "{";
    for (const auto& [key, value] : step.map) text += key + "=" + value.text + ";";
    text += "}";
  }
  return text;
}

}  // namespace

std::vector<PreprocessingVariant> preprocessing_variants(const std::vector<ConfigNode>& steps,
                                                         const PreprocessContext& context, bool try_sizes) {
  std::vector<PreprocessingVariant> all;
  const bool gray = std::any_of(steps.begin(), steps.end(), [](const ConfigNode& s) {
    return type_of(s) == "rgb_to_gray" || type_of(s) == "bgr_to_gray";
  });
  if (context.input_width == 0 || gray) return all;
  const bool rgb = std::count_if(steps.begin(), steps.end(), is_swap) % 2 == 1;
  const auto order = [](bool red_first) { return red_first ? "red first (RGB)" : "blue first (BGR)"; };
  all.push_back({order(!rgb), in_order(steps, !rgb)});
  for (const bool red_first : {rgb, !rgb}) {
    const std::string where = red_first == rgb ? "" : std::string(", ") + order(red_first);
    const Steps ordered = in_order(steps, red_first);
    for (const Usual& usual : kUsual)
      all.push_back({usual.what + where, normalized(ordered, usual, red_first)});
    all.push_back({"no normalization" + where, without(ordered, is_normalization), true});
  }
  if (std::count_if(steps.begin(), steps.end(), is_normalization) > 1)
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!is_normalization(steps[i])) continue;
      Steps fewer = steps;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      all.push_back({"without the normalization of line " + std::to_string(steps[i].line), std::move(fewer)});
    }
  if (try_sizes) {
    const std::string width = std::to_string(context.input_width),
                      height = std::to_string(context.input_height);
    const int side = std::max(context.input_width, context.input_height);
    const ConfigNode crop = map_node({{"type", "crop"}, {"dst_width", width}, {"dst_height", height}});
    const auto short_side = [&](int to) {
      return Steps{
          map_node({{"type", "resize"}, {"size", std::to_string(to)}, {"aspect_ratio_scale", "greater"}}),
          crop};
    };
    all.push_back(
        {"stretched to " + width + "x" + height,
         sized(steps, {map_node({{"type", "resize"}, {"dst_width", width}, {"dst_height", height}})})});
    all.push_back({"short side to " + std::to_string(side * 8 / 7) + ", middle cut",
                   sized(steps, short_side(side * 8 / 7))});
    all.push_back({"short side to " + std::to_string(side) + ", middle cut", sized(steps, short_side(side))});
  }
  const std::string own = fields_text(steps);
  std::erase_if(all, [&](const PreprocessingVariant& v) { return fields_text(v.steps) == own; });
  return all;
}

}  // namespace refcalib::engine
