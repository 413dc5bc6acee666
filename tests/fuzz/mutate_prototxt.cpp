#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/mutate.h"

namespace refcalib_fuzz {
namespace {

using refcalib_test::Random;

/// A stretch of the text: a number, a word or a quoted string.
struct Token {
  std::size_t begin = 0, size = 0;
  char kind = 'w';  ///< n, w or s
};

std::vector<Token> tokens_of(const std::string& text) {
  std::vector<Token> tokens;
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  for (std::size_t i = 0; i < text.size();) {
    Token token{i, 0, 'w'};
    if (text[i] == '"') {
      const std::size_t end = text.find('"', i + 1);
      token.size = (end == std::string::npos ? text.size() : end + 1) - i;
      token.kind = 's';
    } else if (is_word(text[i])) {
      while (i + token.size < text.size() && is_word(text[i + token.size])) ++token.size;
      const char first = text[i];
      token.kind = (first >= '0' && first <= '9') || first == '-' ? 'n' : 'w';
    } else {
      ++i;
      continue;
    }
    tokens.push_back(token);
    i += token.size;
  }
  return tokens;
}

std::vector<Token> of_kind(const std::string& text, char kind) {
  std::vector<Token> tokens = tokens_of(text);
  std::erase_if(tokens, [&](const Token& token) { return token.kind != kind; });
  return tokens;
}

void change_number(std::string& text, Random& random) {
  constexpr std::array<const char*, 18> numbers = {
      "0",  "1",   "2",     "3",    "4",          "7",          "-1",  "-2",   "17",
      "64", "513", "65536", "1e30", "2147483647", "4294967295", "nan", "-0.5", "1e-40"};
  const std::vector<Token> tokens = of_kind(text, 'n');
  if (tokens.empty()) return;
  const Token token = pick(tokens, random);
  text.replace(token.begin, token.size, pick(numbers, random));
}

void change_word(std::string& text, Random& random) {
  constexpr std::array<const char*, 10> words = {"true", "false", "axis", "TEST",        "TRAIN",
                                                 "MAX",  "AVE",   "dim",  "kernel_size", "nonsense"};
  const std::vector<Token> tokens = of_kind(text, 'w');
  if (tokens.empty()) return;
  const Token token = pick(tokens, random);
  text.replace(token.begin, token.size, pick(words, random));
}

void change_string(std::string& text, Random& random) {
  constexpr std::array<const char*, 16> types = {
      "\"Convolution\"", "\"Deconvolution\"", "\"InnerProduct\"", "\"Pooling\"", "\"LRN\"",     "\"Concat\"",
      "\"Slice\"",       "\"Crop\"",          "\"Reshape\"",      "\"Flatten\"", "\"Permute\"", "\"Scale\"",
      "\"BatchNorm\"",   "\"Softmax\"",       "\"Interp\"",       "\"\""};
  const std::vector<Token> tokens = of_kind(text, 's');
  if (tokens.empty()) return;
  const Token to = pick(tokens, random), from = pick(tokens, random);
  const std::string value = chance(random, 40) ? pick(types, random) : text.substr(from.begin, from.size);
  text.replace(to.begin, to.size, value);
}

/// Begin and end of the lines.
std::pair<std::size_t, std::size_t> line(const std::string& text, Random& random) {
  const std::size_t at = text.empty() ? 0 : static_cast<std::size_t>(random.bits() % text.size());
  const std::size_t before = at == 0 ? std::string::npos : text.rfind('\n', at - 1),
                    after = text.find('\n', at);
  return {before == std::string::npos ? 0 : before + 1, after == std::string::npos ? text.size() : after + 1};
}

void remove_line(std::string& text, Random& random) {
  const auto [begin, end] = line(text, random);
  text.erase(begin, end - begin);
}

void repeat_line(std::string& text, Random& random) {
  const auto [begin, end] = line(text, random);
  const std::string copy = text.substr(begin, end - begin);
  text.insert(line(text, random).first, copy);
}

}  // namespace

void mutate_prototxt(std::string& text, Random& random) {
  using Change = void (*)(std::string&, Random&);
  constexpr std::array<Change, 10> changes = {change_number, change_number, change_number, change_number,
                                              change_word,   change_string, change_string, change_string,
                                              remove_line,   repeat_line};
  for (std::int64_t left = random.integer(1, 4); left > 0; --left) pick(changes, random)(text, random);
}

}  // namespace refcalib_fuzz
