#include <algorithm>
#include <array>
#include <cstdint>
#include <pugixml.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/mutate.h"

namespace refcalib_fuzz {
namespace {

using pugi::xml_attribute;
using pugi::xml_node;
using refcalib_test::Random;

constexpr std::array<const char*, 40> kExtremes = {"",
                                                   " ",
                                                   "0",
                                                   "-1",
                                                   "1",
                                                   "2",
                                                   "3",
                                                   "-2",
                                                   "7",
                                                   "255",
                                                   "256",
                                                   "65536",
                                                   "1000000007",
                                                   "2147483647",
                                                   "2147483648",
                                                   "-2147483648",
                                                   "4294967295",
                                                   "4294967296",
                                                   "9223372036854775807",
                                                   "-9223372036854775808",
                                                   "18446744073709551616",
                                                   "1e308",
                                                   "1e999",
                                                   "-1e999",
                                                   "1e-999",
                                                   "nan",
                                                   "inf",
                                                   "-inf",
                                                   "0.5",
                                                   "1,1",
                                                   "0,0",
                                                   "-1,-1",
                                                   "1,1,1,1,1,1,1,1,1",
                                                   "[1]",
                                                   "[",
                                                   ",",
                                                   "0x10",
                                                   "1 1",
                                                   "true",
                                                   "a\nb"};

constexpr std::array<const char*, 80> kTypes = {"Interp",
                                                "Resample",
                                                "Upsampling",
                                                "Interpolate",
                                                "Pad",
                                                "Crop",
                                                "Tile",
                                                "Broadcast",
                                                "Fill",
                                                "DepthToSpace",
                                                "SpaceToDepth",
                                                "ShuffleChannels",
                                                "ReorgYolo",
                                                "Roll",
                                                "Reverse",
                                                "ReverseSequence",
                                                "BatchToSpace",
                                                "SpaceToBatch",
                                                "Slice",
                                                "GatherElements",
                                                "GatherND",
                                                "ScatterUpdate",
                                                "ScatterElementsUpdate",
                                                "ScatterNDUpdate",
                                                "OneHot",
                                                "NonZero",
                                                "Eye",
                                                "ExtractImagePatches",
                                                "Input",
                                                "Parameter",
                                                "Const",
                                                "Result",
                                                "Convolution",
                                                "GroupConvolution",
                                                "FullyConnected",
                                                "MatMul",
                                                "Pooling",
                                                "MaxPool",
                                                "AvgPool",
                                                "Concat",
                                                "Split",
                                                "VariadicSplit",
                                                "Reshape",
                                                "Flatten",
                                                "Squeeze",
                                                "Unsqueeze",
                                                "Permute",
                                                "Transpose",
                                                "StridedSlice",
                                                "Gather",
                                                "Range",
                                                "ShapeOf",
                                                "Convert",
                                                "Eltwise",
                                                "Add",
                                                "Multiply",
                                                "Divide",
                                                "FakeQuantize",
                                                "ScaleShift",
                                                "Power",
                                                "SoftMax",
                                                "ReLU",
                                                "ReduceMean",
                                                "PriorBox",
                                                "PriorBoxClustered",
                                                "DetectionOutput",
                                                "RegionYolo",
                                                "Proposal",
                                                "ROIPooling",
                                                "PSROIPooling",
                                                "ROIAlign",
                                                "NonMaxSuppression",
                                                "MatrixNms",
                                                "MulticlassNms",
                                                "EmbeddingBagPackedSum",
                                                "FakeConvert",
                                                "Deconvolution",
                                                "ConvolutionBackpropData",
                                                "GroupConvolutionBackpropData",
                                                "NoSuchLayer"};

constexpr std::array<const char*, 16> kElementTypes = {"FP32", "FP16",    "I64", "I32", "U8",  "I8",
                                                       "BOOL", "FP64",    "f32", "f16", "i64", "i32",
                                                       "u8",   "boolean", "u64", "bin"};

/// Types that take one input and keep its shape, or take two inputs: the network often stays whole.
constexpr std::array<const char*, 50> kUnary = {"Interp",
                                                "Resample",
                                                "Upsampling",
                                                "Pad",
                                                "Crop",
                                                "DepthToSpace",
                                                "SpaceToDepth",
                                                "ShuffleChannels",
                                                "ReorgYolo",
                                                "OneHot",
                                                "ExtractImagePatches",
                                                "ReLU",
                                                "Sigmoid",
                                                "Tanh",
                                                "Exp",
                                                "Log",
                                                "Abs",
                                                "Sqrt",
                                                "Neg",
                                                "Negative",
                                                "Erf",
                                                "Floor",
                                                "Ceiling",
                                                "Elu",
                                                "SoftMax",
                                                "LogSoftmax",
                                                "HSwish",
                                                "HSigmoid",
                                                "Mish",
                                                "SoftPlus",
                                                "Swish",
                                                "Gelu",
                                                "Clamp",
                                                "Power",
                                                "ShapeOf",
                                                "Norm",
                                                "LRN",
                                                "MVN",
                                                "GRN",
                                                "Normalize",
                                                "ArgMax",
                                                "CumSum",
                                                "Sign",
                                                "Round",
                                                "LogicalNot",
                                                "IsInf",
                                                "Acos",
                                                "Selu",
                                                "SoftSign",
                                                "Not"};
constexpr std::array<const char*, 46> kBinary = {"Interp",
                                                 "Resample",
                                                 "Interpolate",
                                                 "Crop",
                                                 "Tile",
                                                 "Broadcast",
                                                 "Fill",
                                                 "Gather",
                                                 "GatherElements",
                                                 "GatherND",
                                                 "Reverse",
                                                 "ReverseSequence",
                                                 "Squeeze",
                                                 "Unsqueeze",
                                                 "Add",
                                                 "Subtract",
                                                 "Multiply",
                                                 "Divide",
                                                 "Maximum",
                                                 "Minimum",
                                                 "Power",
                                                 "SquaredDifference",
                                                 "Mod",
                                                 "FloorMod",
                                                 "Equal",
                                                 "Less",
                                                 "LogicalAnd",
                                                 "Eltwise",
                                                 "Concat",
                                                 "MatMul",
                                                 "PReLU",
                                                 "Reshape",
                                                 "ReduceMean",
                                                 "Transpose",
                                                 "Gemm",
                                                 "TopK",
                                                 "NormalizeL2",
                                                 "MVN",
                                                 "LRN",
                                                 "CumSum",
                                                 "ReduceLogSumExp",
                                                 "ReduceLogicalAnd",
                                                 "ReduceOr",
                                                 "Greater",
                                                 "LogicalXor",
                                                 "Swish"};

struct Setting {
  const char* key;
  const char* value;
};

/// Attributes that change what a layer means.
constexpr std::array<Setting, 55> kSettings = {{{"block_size", "2"},
                                                {"mode", "depth_first"},
                                                {"mode", "linear"},
                                                {"mode", "nearest"},
                                                {"axes", "2,3"},
                                                {"factor", "2"},
                                                {"scale", "1.5"},
                                                {"type", "caffe.ResampleParameter.LINEAR"},
                                                {"align_corners", "0"},
                                                {"pad_beg", "-1"},
                                                {"pads_begin", "0,1,-1,3"},
                                                {"pad_mode", "reflect"},
                                                {"depth", "3"},
                                                {"stride", "2"},
                                                {"tiles", "3"},
                                                {"offset", "1"},
                                                {"dim", "1"},
                                                {"batch_dims", "1"},
                                                {"sizes", "2,2"},
                                                {"auto_pad", "same_upper"},
                                                {"auto_pad", "same_lower"},
                                                {"auto_pad", "valid"},
                                                {"group", "2"},
                                                {"group", "0"},
                                                {"axis", "-1"},
                                                {"axis", "0"},
                                                {"axis", "2"},
                                                {"axis", "9"},
                                                {"dilations", "2,2"},
                                                {"dilations", "1000000,1"},
                                                {"strides", "3,1"},
                                                {"kernel", "1,5"},
                                                {"kernel", "2147483647,2147483647"},
                                                {"pads_begin", "0,7"},
                                                {"pads_end", "1000000,1000000"},
                                                {"rounding_type", "ceil"},
                                                {"exclude-pad", "false"},
                                                {"keep_dims", "true"},
                                                {"keep_dims", "false"},
                                                {"special_zero", "true"},
                                                {"transpose_a", "true"},
                                                {"transpose_b", "true"},
                                                {"levels", "2"},
                                                {"levels", "16777216"},
                                                {"quantization_level", "I8"},
                                                {"shrink_axis_mask", "1,1,1,1,1,1"},
                                                {"new_axis_mask", "1,1,1,1"},
                                                {"ellipsis_mask", "0,1"},
                                                {"operation", "max"},
                                                {"operation", "div"},
                                                {"operation", "less"},
                                                {"operation", "pow"},
                                                {"coeff", "0,-1"},
                                                {"element_type", "i64"},
                                                {"destination_type", "i64"}}};

/// A parsed model and its elements by what they are.
struct Tree {
  xml_node net, layers, edges;
  std::vector<xml_node> all, layer, data, dim, edge, port;
};

void collect(const xml_node& node, Tree& tree) {
  for (const xml_node& child : node.children()) {
    if (child.type() != pugi::node_element) continue;
    const std::string_view name = child.name();
    tree.all.push_back(child);
    if (name == "layer") tree.layer.push_back(child);
    if (name == "data") tree.data.push_back(child);
    if (name == "dim") tree.dim.push_back(child);
    if (name == "edge") tree.edge.push_back(child);
    if (name == "port") tree.port.push_back(child);
    collect(child, tree);
  }
}

/// An attribute of some element that has one; rarely none is found.
xml_attribute any_attribute(const std::vector<xml_node>& nodes, Random& random) {
  for (int tries = 0; tries < 16 && !nodes.empty(); ++tries) {
    const xml_node node = pick(nodes, random);
    const auto count = std::distance(node.attributes_begin(), node.attributes_end());
    if (count != 0) return *std::next(node.attributes_begin(), random.integer(0, count - 1));
  }
  return {};
}

/// Layer parameters deserve more attention than the many ports.
xml_attribute some_attribute(Tree& tree, Random& random) {
  return any_attribute(chance(random, 60) ? tree.data : tree.all, random);
}

/// Changes one number of a text by a little, or replaces it.
std::string nudged(std::string text, Random& random) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] >= '0' && text[i] <= '9' && (i == 0 || text[i - 1] < '0' || text[i - 1] > '9'))
      starts.push_back(i);
  if (starts.empty()) return pick(kExtremes, random);
  const std::size_t begin = pick(starts, random);
  const std::size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
  std::int64_t value = 0;
  for (std::size_t i = begin; i < end && i < begin + 15; ++i) value = value * 10 + (text[i] - '0');
  const std::array<std::int64_t, 7> choices = {value + 1, value - 1, value * 2,   value / 2,
                                               -value,    0,         value * 1000};
  const std::string fresh =
      chance(random, 15) ? pick(kExtremes, random) : std::to_string(pick(choices, random));
  return text.replace(begin, end - begin, fresh);
}

void extreme_value(Tree& tree, Random& random) {
  if (xml_attribute attribute = some_attribute(tree, random)) attribute.set_value(pick(kExtremes, random));
}

void nudge_value(Tree& tree, Random& random) {
  if (xml_attribute attribute = some_attribute(tree, random))
    attribute.set_value(nudged(attribute.value(), random).c_str());
}

void swap_values(Tree& tree, Random& random) {
  xml_attribute a = some_attribute(tree, random), b = some_attribute(tree, random);
  if (!a || !b) return;
  const std::string kept = a.value();
  a.set_value(b.value());
  b.set_value(kept.c_str());
}

/// The value that another element gives the same attribute.
void borrow_value(Tree& tree, Random& random) {
  xml_attribute attribute = some_attribute(tree, random);
  if (!attribute) return;
  std::vector<xml_node> others;
  for (const xml_node& node : tree.all)
    if (node.attribute(attribute.name())) others.push_back(node);
  const std::string value = pick(others, random).attribute(attribute.name()).value();
  attribute.set_value(value.c_str());
}

void remove_attribute(Tree& tree, Random& random) {
  xml_node node = pick(chance(random, 60) && !tree.data.empty() ? tree.data : tree.all, random);
  const xml_attribute attribute = any_attribute({node}, random);
  if (attribute) node.remove_attribute(attribute);
}

void repeat_attribute(Tree& tree, Random& random) {
  xml_node node = pick(chance(random, 60) && !tree.data.empty() ? tree.data : tree.all, random);
  if (const xml_attribute attribute = any_attribute({node}, random)) {
    const std::string name = attribute.name();
    node.prepend_attribute(name.c_str()).set_value(nudged(attribute.value(), random).c_str());
  }
}

void set_parameter(Tree& tree, Random& random) {
  if (tree.data.empty()) return;
  xml_node node = pick(tree.data, random);
  const Setting& setting = pick(kSettings, random);
  node.remove_attribute(setting.key);
  node.append_attribute(setting.key).set_value(setting.value);
}

void change_dim(Tree& tree, Random& random) {
  if (tree.dim.empty()) return;
  xml_node dim = pick(tree.dim, random);
  const std::string text = chance(random, 40) ? pick(kExtremes, random) : nudged(dim.child_value(), random);
  dim.text().set(text.c_str());
}

/// The same number in every port, so that edges still fit.
void change_dim_everywhere(Tree& tree, Random& random) {
  if (tree.dim.empty()) return;
  const std::string from = pick(tree.dim, random).child_value();
  const std::string to = chance(random, 20) ? pick(kExtremes, random) : nudged(from, random);
  for (xml_node& dim : tree.dim)
    if (dim.child_value() == from) dim.text().set(to.c_str());
  for (xml_node& data : tree.data)
    for (xml_attribute attribute : data.attributes())
      if (attribute.value() == from) attribute.set_value(to.c_str());
}

void remove_element(Tree& tree, Random& random) {
  xml_node node = pick(tree.all, random);
  if (node.parent()) node.parent().remove_child(node);
}

void repeat_element(Tree& tree, Random& random) {
  const xml_node node = pick(tree.all, random);
  if (node.parent()) node.parent().insert_copy_after(node, node);
}

void move_element(Tree& tree, Random& random) {
  xml_node target = pick(tree.all, random);
  const xml_node node = pick(tree.all, random);
  if (node != target) target.append_copy(node);
}

void repeat_layer(Tree& tree, Random& random) {
  if (tree.layer.empty()) return;
  xml_node copy = tree.layers.append_copy(pick(tree.layer, random));
  if (chance(random, 80)) copy.attribute("id").set_value(static_cast<int>(random.integer(1000, 1010)));
  if (chance(random, 80)) copy.attribute("name").set_value("copy");
}

/// Removes a layer and feeds its readers from its source, if its ports allow that.
void bypass_layer(Tree& tree, Random& random) {
  if (tree.layer.empty()) return;
  const xml_node layer = pick(tree.layer, random);
  const std::string id = layer.attribute("id").value();
  xml_node source;
  for (const xml_node& edge : tree.edge)
    if (!source && id == edge.attribute("to-layer").value()) source = edge;
  if (!source) return;
  const std::string from = source.attribute("from-layer").value(),
                    port = source.attribute("from-port").value();
  for (xml_node& edge : tree.edge)
    if (id == edge.attribute("from-layer").value()) {
      edge.attribute("from-layer").set_value(from.c_str());
      edge.attribute("from-port").set_value(port.c_str());
    }
  std::vector<xml_node> dead;
  for (const xml_node& edge : tree.edge)
    if (id == edge.attribute("to-layer").value()) dead.push_back(edge);
  for (const xml_node& edge : dead) tree.edges.remove_child(edge);
  tree.layers.remove_child(layer);
}

void change_type(Tree& tree, Random& random) {
  if (tree.layer.empty()) return;
  const std::string type =
      chance(random, 50) ? pick(kTypes, random) : pick(tree.layer, random).attribute("type").value();
  pick(tree.layer, random).attribute("type").set_value(type.c_str());
}

/// Another type for a layer that has as many inputs.
void change_type_alike(Tree& tree, Random& random) {
  if (tree.layer.empty()) return;
  xml_node layer = pick(tree.layer, random);
  const auto ports = layer.child("input").children("port");
  const auto inputs = std::distance(ports.begin(), ports.end());
  if (inputs < 1 || inputs > 2) return change_type(tree, random);
  layer.attribute("type").set_value(inputs == 1 ? pick(kUnary, random) : pick(kBinary, random));
  if (xml_attribute version = layer.attribute("version")) version.set_value("opset8");
}

void change_opset(Tree& tree, Random& random) {
  if (tree.layer.empty()) return;
  xml_node layer = pick(tree.layer, random);
  layer.remove_attribute("version");
  layer.append_attribute("version").set_value(("opset" + std::to_string(random.integer(0, 17))).c_str());
}

void rewire(Tree& tree, Random& random) {
  if (tree.edge.empty()) return;
  xml_node a = pick(tree.edge, random), b = pick(tree.edge, random);
  const bool source = chance(random, 60);
  for (const char* key : source ? std::array{"from-layer", "from-port"} : std::array{"to-layer", "to-port"}) {
    const std::string kept = a.attribute(key).value();
    a.attribute(key).set_value(b.attribute(key).value());
    if (chance(random, 70)) b.attribute(key).set_value(kept.c_str());
  }
}

bool names_element_type(const xml_attribute& attribute) {
  const std::string_view name = attribute.name();
  return name == "precision" || name == "element_type" || name == "destination_type" ||
         name == "mean-precision";
}

void change_element_type(Tree& tree, Random& random) {
  std::vector<xml_attribute> found;
  for (const xml_node& node : tree.all)
    for (const xml_attribute attribute : node.attributes())
      if (names_element_type(attribute)) found.push_back(attribute);
  if (found.empty()) return;
  const std::string from = pick(found, random).value();
  const char* to = pick(kElementTypes, random);
  if (chance(random, 60)) {
    pick(found, random).set_value(to);
    return;
  }
  for (xml_attribute& attribute : found)
    if (attribute.value() == from) attribute.set_value(to);
}

void change_version(Tree& tree, Random& random) {
  tree.net.attribute("version").set_value(static_cast<int>(random.integer(0, 12)));
}

/// Lists of numbers in the text of elements: statistics.
void change_text(Tree& tree, Random& random) {
  std::vector<xml_node> texts;
  for (const xml_node& node : tree.all)
    if (std::string_view(node.name()) != "dim" && !std::string_view(node.child_value()).empty())
      texts.push_back(node);
  if (texts.empty()) return change_dim(tree, random);
  xml_node node = pick(texts, random);
  node.text().set(nudged(node.child_value(), random).c_str());
}

void long_value(Tree& tree, Random& random) {
  if (xml_attribute attribute = any_attribute(tree.all, random)) {
    std::string text;
    for (std::int64_t left = random.integer(1, 5000); left > 0; --left)
      text += attribute.value() + std::string(",");
    attribute.set_value(text.c_str());
  }
}

void nest_deeply(Tree& tree, Random& random) {
  xml_node node = pick(tree.all, random);
  for (std::int64_t left = random.integer(100, 5000); left > 0; --left) node = node.append_child("a");
}

using Change = void (*)(Tree&, Random&);
struct Weighted {
  int weight;
  Change change;
};
constexpr std::array<Weighted, 23> kChanges = {
    {{12, extreme_value},        {14, nudge_value},     {5, swap_values},         {6, borrow_value},
     {5, remove_attribute},      {3, repeat_attribute}, {14, set_parameter},      {4, change_dim},
     {8, change_dim_everywhere}, {3, remove_element},   {3, repeat_element},      {3, move_element},
     {3, repeat_layer},          {12, bypass_layer},    {5, change_type},         {12, change_type_alike},
     {2, change_opset},          {12, rewire},          {6, change_element_type}, {2, change_version},
     {5, change_text},           {1, long_value},       {1, nest_deeply}}};

Change pick_change(Random& random) {
  int total = 0;
  for (const Weighted& row : kChanges) total += row.weight;
  std::int64_t left = random.integer(0, total - 1);
  for (const Weighted& row : kChanges) {
    if (left < row.weight) return row.change;
    left -= row.weight;
  }
  return extreme_value;
}

}  // namespace

void mutate_structure(std::string& xml, Random& random) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return mutate_bytes(xml, random);
  constexpr std::array<int, 8> draw = {1, 1, 1, 1, 2, 2, 3, 4};
  for (int left = pick(draw, random); left > 0; --left) {
    Tree tree;
    tree.net = document.document_element();
    tree.layers = tree.net.child("layers");
    tree.edges = tree.net.child("edges");
    collect(document, tree);
    if (tree.all.empty()) break;
    pick_change(random)(tree, random);
  }
  std::ostringstream text;
  document.save(text, "", pugi::format_raw);
  xml = text.str();
}

}  // namespace refcalib_fuzz
