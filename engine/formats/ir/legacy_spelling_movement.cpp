#include <algorithm>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_spelling.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

[[noreturn]] void no_form(const std::string& what) {
  throw UnsupportedError(what + " has no form in IR version 7", {"", "", "write version 11"});
}

std::vector<LegacyValue*> all_inputs(const LegacyWriter& w) {
  std::vector<LegacyValue*> inputs;
  for (std::size_t i = 0; i < w.input_count(); ++i) inputs.push_back(&w.input(i));
  return inputs;
}

/// Of v7 zeros always keep a dimension.
void reshape(LegacyWriter& w) {
  std::vector<std::int64_t> target = w.constant_integers(1);
  if (!w.boolean("special_zero", false) && std::find(target.begin(), target.end(), 0) != target.end())
    no_form("Reshape to a dimension of 0");
  w.add("Reshape", {{"special_zero", "True"}}, {&w.input(0), &w.input(1)});
}

/// A Reshape to the shape that the operation gives: removing and adding dimensions need no more.
void to_shape(LegacyWriter& w) {
  LegacyValue* const target = w.helper_constant("shape", Constant::i64_vector(w.output().shape));
  w.add("Reshape", {{"special_zero", "True"}}, {&w.input(0), target});
}

void transpose(LegacyWriter& w) {
  w.add("Permute", {{"order", format_integers(w.constant_integers(1))}}, {&w.input(0)});
}

std::int64_t from_front(std::int64_t axis, std::size_t rank) {
  return axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
}

void concat(LegacyWriter& w) {
  const std::int64_t axis = from_front(parse_integer(w.text("axis"), "axis"), w.output().shape.size());
  w.add("Concat", {{"axis", std::to_string(axis)}}, all_inputs(w));
}

/// Parts are what the ports state. One that nothing reads would be an output of the network.
void split(LegacyWriter& w) {
  for (std::size_t k = 0; k < w.output_count(); ++k)
    if (w.output(k).readers == 0 && !w.output(k).is_output) no_form("a part that nothing reads");
  const std::vector<std::int64_t> axes = w.constant_integers(1);
  if (axes.size() != 1) throw FormatError("the axis is not a single number");
  w.add("Split",
        {{"axis", std::to_string(from_front(axes.front(), w.input(0).shape.size()))},
         {"num_split", std::to_string(w.output_count())}},
        {&w.input(0)});
}

void pad(LegacyWriter& w) {
  AttributeTexts texts{{"pads_begin", format_integers(w.constant_integers(1))},
                       {"pads_end", format_integers(w.constant_integers(2))},
                       {"pad_mode", w.text("pad_mode", "constant")}};
  texts.emplace_back("pad_value", format_float(w.input_count() > 3 ? w.number(3) : 0.0F));
  w.add("Pad", std::move(texts), {&w.input(0)});
}

/// One layer for each dimension that repeats.
void tile(LegacyWriter& w) {
  std::vector<std::int64_t> repeats = w.constant_integers(1);
  Shape shape = w.input(0).shape;
  if (repeats.size() > shape.size()) no_form("Tile that adds dimensions");
  repeats.insert(repeats.begin(), shape.size() - repeats.size(), 1);
  std::vector<std::size_t> axes;
  for (std::size_t d = 0; d < repeats.size(); ++d)
    if (repeats[d] != 1) axes.push_back(d);
  if (axes.empty()) axes.push_back(0);
  LegacyValue* value = &w.input(0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    AttributeTexts texts{{"axis", std::to_string(axes[i])}, {"tiles", std::to_string(repeats[axes[i]])}};
    if (i + 1 == axes.size()) return w.add("Tile", std::move(texts), {value});
    shape[axes[i]] *= repeats[axes[i]];
    value = w.helper("Tile", std::to_string(i), std::move(texts), {value}, shape);
  }
}

/// Bits of v7 say where begin and end count; those of v11 where they do not.
std::string mask(const LegacyWriter& w, const char* key, std::size_t count, bool inverted) {
  std::vector<std::int64_t> bits = w.integers(key);
  bits.resize(std::max(bits.size(), count), 0);
  if (inverted)
    for (std::int64_t& bit : bits) bit = bit == 0 ? 1 : 0;
  return format_integers(bits);
}

void strided_slice(LegacyWriter& w) {
  const std::size_t count = w.constant_integers(1).size();
  AttributeTexts texts{{"begin_mask", mask(w, "begin_mask", count, true)},
                       {"end_mask", mask(w, "end_mask", count, true)},
                       {"new_axis_mask", mask(w, "new_axis_mask", count, false)},
                       {"shrink_axis_mask", mask(w, "shrink_axis_mask", count, false)},
                       {"ellipsis_mask", mask(w, "ellipsis_mask", count, false)}};
  w.add("StridedSlice", std::move(texts), all_inputs(w));
}

/// A Crop, or, with steps, a StridedSlice over all dimensions.
void slice(LegacyWriter& w) {
  const Shape &x = w.input(0).shape, &y = w.output().shape;
  const std::vector<std::int64_t> start = w.constant_integers(1), stop = w.constant_integers(2),
                                  step = w.constant_integers(3);
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < start.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (w.input_count() > 4) axes = w.constant_integers(4);
  const bool plain = std::all_of(step.begin(), step.end(), [](std::int64_t s) { return s == 1; });
  std::vector<std::int64_t> begin(x.size(), 0), end(x.begin(), x.end()), steps(x.size(), 1), offset, dim;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[i] = from_front(axes[i], x.size()));
    const std::int64_t first = start.at(i) < 0 ? start[i] + x.at(axis) : start[i];
    offset.push_back(std::clamp<std::int64_t>(first, 0, x.at(axis)));
    dim.push_back(y.at(axis));
    begin[axis] = start[i];
    end[axis] = stop.at(i);
    steps[axis] = step.at(i);
  }
  if (plain)
    return w.add(
        "Crop",
        {{"axis", format_integers(axes)}, {"offset", format_integers(offset)}, {"dim", format_integers(dim)}},
        {&w.input(0)});
  if (std::any_of(step.begin(), step.end(), [](std::int64_t s) { return s < 0; })) no_form("Slice backwards");
  const auto constant = [&](const char* suffix, const std::vector<std::int64_t>& values) {
    return w.helper_constant(suffix, Constant::i64_vector(values));
  };
  const std::string ones = format_integers(std::vector<std::int64_t>(x.size(), 1)),
                    zeros = format_integers(std::vector<std::int64_t>(x.size(), 0));
  w.add("StridedSlice",
        {{"begin_mask", ones},
         {"end_mask", ones},
         {"new_axis_mask", zeros},
         {"shrink_axis_mask", zeros},
         {"ellipsis_mask", zeros}},
        {&w.input(0), constant("begin", begin), constant("end", end), constant("steps", steps)});
}

void depth_to_space(LegacyWriter& w) {
  if (w.text("mode") != "blocks_first") no_form("DepthToSpace of mode depth_first");
  w.add("DepthToSpace", {{"block_size", w.text("block_size", "1")}}, {&w.input(0)});
}

void space_to_depth(LegacyWriter& w) {
  if (w.text("mode") != "blocks_first") no_form("SpaceToDepth of mode depth_first");
  w.add("SpaceToDepth", {{"block_size", w.text("block_size", "1")}}, {&w.input(0)});
}

void gather(LegacyWriter& w) {
  if (parse_integer(w.text("batch_dims", "0"), "batch_dims") != 0) no_form("Gather with batch_dims");
  const std::vector<std::int64_t> axis = w.constant_integers(2);
  if (axis.size() != 1) throw FormatError("the axis is not a single number");
  const std::int64_t along = from_front(axis.front(), w.input(0).shape.size());
  LegacyValue* indices = &w.input(1);
  // Those of v7 count from the front.
  if (indices->constant) {
    std::vector<std::int64_t> values = indices->constant->to_ints();
    for (std::int64_t& value : values)
      value =
          from_front(value, static_cast<std::size_t>(w.input(0).shape.at(static_cast<std::size_t>(along))));
    indices = w.helper_constant("indices", Constant::i64(indices->shape, std::move(values)));
  }
  w.add("Gather", {{"axis", std::to_string(along)}}, {&w.input(0), indices});
}

/// Copies by whole factors, or interpolation between corners or neighbours.
void interpolate(LegacyWriter& w) {
  const Shape &x = w.input(0).shape, &y = w.output().shape;
  const std::string mode = w.text("mode"),
                    coordinates = w.text("coordinate_transformation_mode", "half_pixel");
  const std::vector<std::int64_t> begin = w.integers("pads_begin"), end = w.integers("pads_end");
  for (const auto* pads : {&begin, &end})
    if (std::any_of(pads->begin(), pads->end(), [](std::int64_t p) { return p != 0; }))
      no_form("Interpolate with padding");
  if (x.size() != 4 || y.size() != 4 || x[0] != y[0] || x[1] != y[1])
    no_form("Interpolate over other than pictures");
  const bool whole = y[2] % x[2] == 0 && y[3] % x[3] == 0 && y[2] / x[2] == y[3] / x[3];
  const std::string nearest = w.text("nearest_mode", "round_prefer_floor");
  const bool copies = mode == "nearest" && whole &&
                      ((coordinates == "asymmetric" && nearest == "floor") ||
                       (coordinates == "half_pixel" && nearest.starts_with("round")));
  if (copies)
    return w.add("Resample",
                 {{"type", "caffe.ResampleParameter.NEAREST"},
                  {"antialias", "0"},
                  {"factor", std::to_string(y[2] / x[2])}},
                 {&w.input(0)});
  const bool corners = coordinates == "align_corners";
  if (mode != "linear_onnx" || !(corners || coordinates == "asymmetric"))
    no_form("Interpolate of mode " + mode + " with coordinates " + coordinates);
  w.add("Interp",
        {{"height", std::to_string(y[2])},
         {"width", std::to_string(y[3])},
         {"align_corners", corners ? "1" : "0"},
         {"pad_beg", "0"},
         {"pad_end", "0"}},
        {&w.input(0)});
}

void broadcast(LegacyWriter& w) {
  const std::string mode = w.text("mode", "numpy");
  if (mode != "numpy") no_form("Broadcast of mode " + mode);
  w.add("Broadcast", {}, {&w.input(0), &w.input(1)});
}

constexpr LegacySpelling kSpellings[] = {
    {"reshape", reshape},
    {"squeeze", to_shape},
    {"unsqueeze", to_shape},
    {"transpose", transpose},
    {"concat", concat},
    {"split", split},
    {"variadicsplit", split},
    {"pad", pad},
    {"tile", tile},
    {"stridedslice", strided_slice},
    {"slice", slice},
    {"depthtospace", depth_to_space},
    {"spacetodepth", space_to_depth},
    {"shufflechannels", [](LegacyWriter& w) { w.add("ShuffleChannels", w.attributes(), {&w.input(0)}); }},
    {"reorgyolo", [](LegacyWriter& w) { w.add("ReorgYolo", w.attributes(), {&w.input(0)}); }},
    {"gather", gather},
    {"interpolate", interpolate},
    {"broadcast", broadcast},
    {"select", [](LegacyWriter& w) { w.add("Select", {}, all_inputs(w)); }},
};

}  // namespace

std::span<const LegacySpelling> movement_spellings() noexcept {
  return kSpellings;
}

}  // namespace refcalib::engine::ir
