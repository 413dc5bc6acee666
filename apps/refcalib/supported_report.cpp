#include "apps/refcalib/supported_report.h"

#include <vector>

#include "apps/refcalib/text.h"
#include "engine/formats/ir/supported_operations.h"
#include "engine/formats/model_formats.h"

namespace refcalib::app {
namespace {

/// A word of the columns FP32 and INT8.
struct Word {
  const char* word;
  const char* meaning;
};

constexpr Word kWords[] = {
    {"view", "another shape of the same memory: costs nothing"},
    {"at load", "of constants and shapes only, computed when the model is loaded"},
    {"weights", "u8 activations times s8 constant weights, to u8 or FP32"},
    {"element-wise", "u8 operands and result, each with a scale of its own"},
    {"pooling", "maxima move u8 values; averages of u8 are rounded to a scale of their own"},
    {"joins values",
     "u8 inputs share one scale, or keep scales per channel if all readers can tell them apart"},
    {"moves values", "u8 as it is"},
    {"by table", "u8 to u8 through a table of 256 entries"},
    {"own range", "u8 to u8 with a scale of its own"},
    {"no", "FP32, with one conversion per value in front"},
    {"-", "nothing runs"},
};

constexpr const char* kColumns =
    "Numbers behind a v10/v11 operation are the operation sets from which on its meanings hold: MaxPool (1, "
    "8) is\n"
    "defined since opset1 and again, differently, since opset8. Brackets behind a legacy type name its "
    "variants.\n"
    "What does not have weights runs in INT8 only where its range is known and integers are wanted behind "
    "it.\n";

Table table() {
  Table result;
  result.header = {"v2 to v7", "v10, v11 (opset)", "FP32", "INT8", "notes"};
  result.left = {1, 2, 3, 4};
  for (const auto& row : engine::ir::supported_operations())
    result.rows.push_back({row.legacy, row.opset, row.fp32, row.int8, row.notes});
  return result;
}

Table words() {
  Table result;
  result.header = {"word", "meaning"};
  result.left = {1};
  for (const Word& row : kWords) result.rows.push_back({row.word, row.meaning});
  return result;
}

constexpr const char* kOnnx =
    "Operators of ONNX, with the operator sets from which on their meanings hold, up to 21. Integers: of "
    "numbers that\n"
    "QuantizeLinear made the operator moves the integers, or reads them as its definition says; others want "
    "a\n"
    "DequantizeLinear in front. If, too, where its condition is a constant.\n";

Table onnx_table() {
  Table result;
  result.header = {"ONNX operator", "operator sets", "integers"};
  result.left = {1, 2};
  for (const auto& row : engine::onnx_operators())
    result.rows.push_back({row.type, row.versions, row.integers});
  return result;
}

constexpr const char* kCaffe =
    "Layer types of Caffe, of its SSD branch and of common forks. Losses, Accuracy, Silence and data layers "
    "are read, too: "
    "see caffe.md.\n";

/// Names joined by commas, some to a line.
std::string lines_of(const std::vector<std::string>& names) {
  constexpr std::size_t width = 110;
  std::string text, line;
  for (const std::string& name : names) {
    if (line.size() + name.size() + 2 > width) {
      line.pop_back();
      text += line + "\n";
      line.clear();
    }
    line += name + (&name == &names.back() ? "" : ", ");
  }
  return text + line + "\n";
}

/// The part on Caffe behind a heading; empty if this build reads no Caffe.
std::string caffe_part(const std::string& heading) {
  const std::vector<std::string> types = engine::caffe_layer_types();
  return types.empty() ? "" : "\n" + heading + "\n\n" + kCaffe + "\n" + lines_of(types);
}

}  // namespace

std::string supported_text() {
  const Table onnx = onnx_table();
  return table().text() + "\n" + kColumns + "\n" + words().text() +
         (onnx.rows.empty() ? "" : std::string("\nONNX operators\n\n") + kOnnx + "\n" + onnx.text()) +
         caffe_part("Caffe layers");
}

std::string supported_markdown() {
  const Table onnx = onnx_table();
  return "# Operations\n\nWhat `refcalib inspect --supported --format markdown` prints.\n\n" +
         table().markdown() + "\n" + kColumns + "\n" + words().markdown() +
         (onnx.rows.empty() ? "" : std::string("\n## ONNX operators\n\n") + kOnnx + "\n" + onnx.markdown()) +
         caffe_part("## Caffe layers");
}

}  // namespace refcalib::app
