#include "engine/evaluation/npy_header.h"

#include <charconv>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

/// Reads the few Python literals that a header consists of.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  /// True and past it if the next character is `c`.
  bool take(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) throw FormatError(std::string("malformed .npy header: '") + c + "' expected");
  }
  std::string quoted() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') throw FormatError("malformed .npy header: a quoted word expected");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) throw FormatError("malformed .npy header: a quote is not closed");
    std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  bool boolean() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {"False", false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    throw FormatError("malformed .npy header: True or False expected");
  }
  std::int64_t integer() {
    skip_blanks();
    std::int64_t value = 0;
    const char* const end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + at_, end, value);
    if (error != std::errc() || value < 0) throw FormatError("malformed .npy header: a dimension expected");
    at_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

Shape parse_shape(Cursor& cursor) {
  Shape shape;
  cursor.expect('(');
  while (!cursor.take(')')) {
    shape.push_back(cursor.integer());
    if (cursor.take(',')) continue;
    cursor.expect(')');
    break;
  }
  return shape;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view dictionary) {
  NpyHeader header;
  bool has_order = false, has_shape = false;
  Cursor cursor(dictionary);
  cursor.expect('{');
  while (!cursor.take('}')) {
    const std::string key = cursor.quoted();
    cursor.expect(':');
    if (key == "descr") {
      if (cursor.take('[')) throw FormatError("structured .npy element types are not supported");
      header.descr = cursor.quoted();
    } else if (key == "fortran_order") {
      header.fortran_order = cursor.boolean();
      has_order = true;
    } else if (key == "shape") {
      header.shape = parse_shape(cursor);
      has_shape = true;
    } else {
      throw FormatError("malformed .npy header: unknown key '" + key + "'");
    }
    if (!cursor.take(',')) {
      cursor.expect('}');
      break;
    }
  }
  if (header.descr.empty() || !has_order || !has_shape)
    throw FormatError("malformed .npy header: 'descr', 'fortran_order' and 'shape' are needed");
  return header;
}

std::string npy_preamble(const Shape& shape, std::size_t size) {
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < shape.size(); ++i) dictionary += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  dictionary += shape.size() == 1 ? ",), }" : "), }";

  constexpr std::size_t before = 10;  // magic, version, length of the dictionary
  if (before + dictionary.size() + 1 > size || size - before > 0xffff)
    throw Error("internal: the shape does not fit into the .npy header");
  const std::size_t length = size - before;
  dictionary.resize(length - 1, ' ');
  dictionary += '\n';

  std::string preamble = "\x93NUMPY";
  preamble += '\x01';
  preamble += '\0';
  preamble += static_cast<char>(length & 0xff);
  preamble += static_cast<char>(length >> 8);
  return preamble + dictionary;
}

}  // namespace refcalib::engine
