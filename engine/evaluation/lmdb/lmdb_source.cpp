#include "engine/evaluation/lmdb_source.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/evaluation/lmdb/database.h"
#include "engine/evaluation/lmdb/datum.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

/// A key as a part of a path: what cannot be printed stands as \xHH.
std::string printable(const std::string& key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f)
      text += c;
    else
      text += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

/// A record of one of several databases.
struct Records {
  std::vector<lmdb::Database> databases;
  std::vector<std::pair<std::size_t, std::size_t>> at;  ///< database and number in it, of each sample
  std::vector<fs::path> names;

  lmdb::Content read(std::size_t sample) const {
    const auto [database, number] = at[sample];
    return lmdb::decode_datum(databases[database].read(number), names[sample].string());
  }
};

[[noreturn]] void mixed(const fs::path& name, bool pictures) {
  throw FormatError(pictures ? "the record holds numbers and the first one a picture"
                             : "the record holds a picture and the first one numbers",
                    {.file = name.string()});
}

void feed_pictures(InputSource& source, const std::shared_ptr<const Records>& records, const PortInfo& input,
                   const Preprocessing& preprocessing) {
  const ImagePreprocessor preprocessor(preprocessing, input.name, input.shape);
  source.description = preprocessor.describe();
  source.images = true;
  source.read = [preprocessor, records](std::size_t sample, std::span<float> row) {
    const lmdb::Content content = records->read(sample);
    const auto* const image = std::get_if<Image>(&content);
    if (image == nullptr) mixed(records->names[sample], true);
    in_context({.file = records->names[sample].string()}, [&] { preprocessor.run(*image, row); });
  };
}

void feed_numbers(InputSource& source, const std::shared_ptr<const Records>& records, const PortInfo& input,
                  const fs::path& database) {
  source.description = "numbers as they are in " + database.filename().string();
  source.read = [records, shape = input.shape](std::size_t sample, std::span<float> row) {
    const lmdb::Content content = records->read(sample);
    const auto* const numbers = std::get_if<std::vector<float>>(&content);
    if (numbers == nullptr) mixed(records->names[sample], false);
    if (numbers->size() != row.size())
      throw FormatError("the record holds " + std::to_string(numbers->size()) + " numbers and the input " +
                            to_string(shape) + " takes " + std::to_string(row.size()) + " for each sample",
                        {.file = records->names[sample].string()});
    std::copy(numbers->begin(), numbers->end(), row.begin());
  };
}

}  // namespace

InputSource lmdb_source(std::span<const fs::path> paths, const PortInfo& input,
                        const Preprocessing& preprocessing) {
  InputSource source;
  const auto records = std::make_shared<Records>();
  for (const fs::path& path : paths) {
    const std::size_t number = records->databases.size();
    records->databases.emplace_back(
        path, [&](std::string_view record) { source.labels.push_back(lmdb::label_of(record)); });
    const std::vector<std::string>& keys = records->databases.back().keys();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      records->at.emplace_back(number, i);
      records->names.push_back(path / printable(keys[i]));
    }
  }
  source.samples = records->names.size();
  source.files = records->names;
  const std::int64_t batch = input.shape.empty() ? 1 : std::max<std::int64_t>(input.shape.front(), 1);
  source.row_size = static_cast<std::size_t>(element_count(input.shape) / batch);
  // The first record that can be read tells what the others are; that none can be is found where they are read.
  bool pictures = true;
  for (std::size_t sample = 0; sample < source.samples; ++sample) {
    try {
      pictures = std::holds_alternative<Image>(records->read(sample));
      break;
    } catch (const Error&) {
      continue;
    }
  }
  if (pictures)
    feed_pictures(source, records, input, preprocessing);
  else
    feed_numbers(source, records, input, paths.front());
  return source;
}

}  // namespace refcalib::engine
