#include <algorithm>
#include <numeric>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_spelling.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

[[noreturn]] void no_form(const std::string& what) {
  throw UnsupportedError(what + " has no form in IR version 7", {"", "", "write version 11"});
}

/// The axes of a constant input from the front, in order.
std::vector<std::int64_t> axes_of(const LegacyWriter& w, std::size_t rank) {
  std::vector<std::int64_t> axes = w.constant_integers(rank);
  for (std::int64_t& axis : axes)
    if (axis < 0) axis += static_cast<std::int64_t>(w.input(0).shape.size());
  std::sort(axes.begin(), axes.end());
  return axes;
}

std::vector<std::int64_t> axes_from(std::int64_t first, std::size_t rank) {
  std::vector<std::int64_t> axes(rank - std::min(rank, static_cast<std::size_t>(first)));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

void reduce(LegacyWriter& w, const char* type) {
  w.add(type, {{"keep_dims", w.boolean("keep_dims", false) ? "True" : "False"}}, {&w.input(0), &w.input(1)});
}

void softmax(LegacyWriter& w, const char* type) {
  std::int64_t axis = parse_integer(w.text("axis", "1"), "axis");
  if (axis < 0) axis += static_cast<std::int64_t>(w.input(0).shape.size());
  w.add(type, {{"axis", std::to_string(axis)}}, {&w.input(0)});
}

void lrn(LegacyWriter& w) {
  const std::vector<std::int64_t> axes = w.input_count() > 1 ? axes_of(w, 1) : std::vector<std::int64_t>{1};
  const bool across = axes == std::vector<std::int64_t>{1};
  if (!across && axes != axes_from(2, w.input(0).shape.size())) no_form("LRN over these axes");
  w.add("Norm",
        {{"alpha", w.text("alpha")},
         {"beta", w.text("beta")},
         {"k", w.text("bias")},
         {"local-size", w.text("size")},
         {"region", across ? "across" : "same"}},
        {&w.input(0)});
}

void mvn(LegacyWriter& w) {
  const std::size_t rank = w.input(0).shape.size();
  bool across = w.boolean("across_channels", false);
  if (w.input_count() > 1) {
    const std::vector<std::int64_t> axes = axes_of(w, 1);
    across = axes == axes_from(1, rank);
    if (!across && axes != axes_from(2, rank)) no_form("MVN over these axes");
    if (w.text("eps_mode", "inside_sqrt") != "inside_sqrt")
      no_form("MVN with an epsilon outside of the root");
  }
  w.add("MVN",
        {{"across_channels", across ? "1" : "0"},
         {"normalize_variance", w.boolean("normalize_variance", w.input_count() > 1) ? "1" : "0"},
         {"eps", w.text("eps", "0")}},
        {&w.input(0)});
}

/// With factors of 1, which a product behind it keeps apart.
void normalize_l2(LegacyWriter& w) {
  const std::size_t rank = w.input(0).shape.size();
  const std::vector<std::int64_t> axes = axes_of(w, 1);
  const bool spatial = axes == axes_from(1, rank) && rank > 2;
  if (!spatial && axes != std::vector<std::int64_t>{1}) no_form("NormalizeL2 over these axes");
  if (w.text("eps_mode", "add") != "add") no_form("NormalizeL2 of eps_mode max");
  const Shape& x = w.input(0).shape;
  w.add("Normalize",
        {{"across_spatial", spatial ? "1" : "0"}, {"channel_shared", "0"}, {"eps", w.text("eps")}},
        {&w.input(0)},
        {{"weights", Constant::f32({x.at(1)}, std::vector<float>(static_cast<std::size_t>(x.at(1)), 1.0F))}});
}

void top_k(LegacyWriter& w) {
  for (std::size_t k = 0; k < w.output_count(); ++k)
    if (w.output(k).readers == 0 && !w.output(k).is_output) no_form("TopK of which one output is not read");
  const std::int64_t k = w.constant_integers(1).at(0);
  w.add("TopK", w.attributes({"index_element_type"}),
        {&w.input(0), w.helper_constant("k", Constant::i64({}, {k}))});
}

void cum_sum(LegacyWriter& w) {
  std::vector<LegacyValue*> inputs{&w.input(0)};
  if (w.input_count() > 1) inputs.push_back(&w.input(1));
  w.add("CumSum", w.attributes(), inputs);
}

constexpr LegacySpelling kSpellings[] = {
    {"reducemean", [](LegacyWriter& w) { reduce(w, "ReduceMean"); }},
    {"reducesum", [](LegacyWriter& w) { reduce(w, "ReduceSum"); }},
    {"reducemax", [](LegacyWriter& w) { reduce(w, "ReduceMax"); }},
    {"reducemin", [](LegacyWriter& w) { reduce(w, "ReduceMin"); }},
    {"reduceprod", [](LegacyWriter& w) { reduce(w, "ReduceProd"); }},
    {"reducel1", [](LegacyWriter& w) { reduce(w, "ReduceL1"); }},
    {"reducel2", [](LegacyWriter& w) { reduce(w, "ReduceL2"); }},
    {"reducelogicaland", [](LegacyWriter& w) { reduce(w, "ReduceAnd"); }},
    {"reducelogicalor", [](LegacyWriter& w) { reduce(w, "ReduceOr"); }},
    {"softmax", [](LegacyWriter& w) { softmax(w, "SoftMax"); }},
    {"logsoftmax", [](LegacyWriter& w) { softmax(w, "LogSoftmax"); }},
    {"lrn", lrn},
    {"mvn", mvn},
    {"normalizel2", normalize_l2},
    {"grn", [](LegacyWriter& w) { w.add("GRN", w.attributes(), {&w.input(0)}); }},
    {"topk", top_k},
    {"cumsum", cum_sum},
};

}  // namespace

std::span<const LegacySpelling> reduction_spellings() noexcept {
  return kSpellings;
}

}  // namespace refcalib::engine::ir
