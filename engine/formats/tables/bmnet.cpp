#include "engine/formats/tables/bmnet.h"

#include <cctype>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/tables/table_formats.h"
#include "engine/formats/tables/table_text.h"

// The calibration table of Bitmain's BMNet tools in text form: a protocol buffer of messages
//   layer { name: "conv1" right_shift_width: 9 blob_param { name: "conv1" threshold_y: 1.835129 } }
// or, as older tools write it, threshold_y beside the layer's own name. The integer 128 stands for the threshold; integers end at 127.
// What a layer's shifts and multipliers are follows from thresholds and weights and is not read.

namespace refcalib::engine::tables {
namespace {

/// The words of a text-form protocol buffer: names, values, quoted texts (without quotes) and the signs { } : alone.
class TextForm {
 public:
  explicit TextForm(std::string_view text) : text_(text) { next(); }

  bool at_end() const noexcept { return kind_ == Kind::end; }
  bool at(char sign) const noexcept { return kind_ == Kind::sign && word_.front() == sign; }
  bool accept(char sign) {
    if (!at(sign)) return false;
    next();
    return true;
  }
  /// A name or value.
  std::string take() {
    if (kind_ != Kind::word) fail(at_end() ? "the text ends early" : "'" + word_ + "' is out of place");
    std::string word = std::move(word_);
    next();
    return word;
  }
  double take_number() {
    const TableLine here{line_, {}};
    const std::string word = take();
    return here.magnitude_of(word);
  }
  /// The value of a field that does not matter: a word or a message.
  void skip_value() {
    if (!accept('{')) {
      take();
      return;
    }
    for (int depth = 1; depth > 0;) {
      if (at_end()) fail("a '{' is not closed");
      depth += at('{') ? 1 : at('}') ? -1 : 0;
      next();
    }
  }
  [[noreturn]] void fail(const std::string& why) const { TableLine{line_, {}}.fail(why); }

 private:
  enum class Kind { word, sign, end };

  void next() {
    while (at_ < text_.size() && (std::isspace(byte()) != 0 || text_[at_] == '#')) {
      if (text_[at_] == '#')
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      else
        line_ += text_[at_++] == '\n' ? 1U : 0U;
    }
    word_.clear();
    if (at_ == text_.size()) {
      kind_ = Kind::end;
    } else if (text_[at_] == '"') {
      const std::size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos) fail("a quotation mark is not closed");
      kind_ = Kind::word;
      word_ = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else if (is_sign(text_[at_])) {
      kind_ = Kind::sign;
      word_ = text_[at_++];
    } else {
      kind_ = Kind::word;
      while (at_ < text_.size() && std::isspace(byte()) == 0 && !is_sign(text_[at_]) && text_[at_] != '"')
        word_ += text_[at_++];
    }
  }
  unsigned char byte() const { return static_cast<unsigned char>(text_[at_]); }
  static bool is_sign(char c) { return c == '{' || c == '}' || c == ':'; }

  std::string_view text_;
  std::size_t at_ = 0, line_ = 1;
  Kind kind_ = Kind::end;
  std::string word_;
};

/// Calls field(name) for each field of the message that begins here.
template <class F>
void read_message(TextForm& text, const F& field) {
  if (!text.accept('{')) text.fail("a message begins with '{'");
  while (!text.accept('}')) {
    const std::string name = text.take();
    text.accept(':');
    field(name);
  }
}

void read_layer(TextForm& text, CalibrationTable& table) {
  std::string layer;
  std::vector<std::pair<std::string, double>> blobs;
  read_message(text, [&](const std::string& field) {
    if (field == "name") {
      layer = text.take();
    } else if (field == "threshold_y") {
      const double threshold = text.take_number();
      if (layer.empty()) text.fail("threshold_y stands in front of the layer's name");
      blobs.emplace_back(layer, threshold);
    } else if (field == "blob_param") {
      std::string blob;
      double threshold = 0;
      read_message(text, [&](const std::string& inner) {
        if (inner == "name")
          blob = text.take();
        else if (inner == "threshold_y")
          threshold = text.take_number();
        else
          text.skip_value();
      });
      if (blob.empty()) text.fail("a blob_param of layer '" + layer + "' has no name");
      blobs.emplace_back(std::move(blob), threshold);
    } else {
      text.skip_value();
    }
  });
  for (const auto& [blob, threshold] : blobs)
    add_bmnet_entry(table, bmnet_name(layer, blob, blobs.size()), threshold);
}

bool recognises(std::string_view text) {
  const auto lines = lines_of(text);
  return !lines.empty() && lines.front().text.starts_with("layer") &&
         text.find("threshold_y") != std::string_view::npos;
}

CalibrationTable read(std::string_view text) {
  CalibrationTable table;
  TextForm form(text);
  while (!form.at_end()) {
    const std::string field = form.take();
    form.accept(':');
    if (field == "layer")
      read_layer(form, table);
    else
      form.skip_value();
  }
  return table;
}

std::string write(const CalibrationTable& table) {
  std::string text;
  for (const ActivationEntry& entry : table.activations) {
    if (entry.place != ActivationEntry::Place::output) continue;
    if (entry.name.find('"') != std::string::npos)
      throw UsageError("the name '" + entry.name + "' cannot be quoted in this format");
    text += "layer {\n  name: \"" + entry.name + "\"\n  blob_param {\n    name: \"" + entry.name +
            "\"\n    threshold_y: " + decimal(entry.threshold() / kBmnetReached) + "\n  }\n}\n";
  }
  return text;
}

}  // namespace

void add_bmnet_entry(CalibrationTable& table, std::string name, double threshold) {
  const double limit = threshold * kBmnetReached;
  if (limit > 0)
    table.activations.push_back({std::move(name), ActivationEntry::Place::output, -limit, limit, true, {}});
  else
    table.notes.push_back("'" + name + "' has the threshold 0 and is left out");
}

std::string bmnet_name(const std::string& layer, const std::string& blob, std::size_t blobs) {
  return (blobs == 1 && !layer.empty()) || blob.empty() ? layer : blob;
}

extern const TableFormat bmnet_format;
const TableFormat bmnet_format{"bmnet", "calibration table of BMNet, in text form", recognises, read, write};

}  // namespace refcalib::engine::tables
