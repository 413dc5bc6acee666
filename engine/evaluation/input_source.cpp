#include "engine/evaluation/input_source.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/evaluation/lmdb_source.h"
#include "engine/evaluation/npy.h"
#include "engine/evaluation/random_input.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

/// The files behind the paths that a user named.
struct Listing {
  std::vector<fs::path> images, arrays, databases;
  std::vector<std::optional<std::size_t>> labels;  ///< parallel to images, or empty
  std::size_t ignored = 0;
};

bool is_npy(const fs::path& path) {
  return path.extension() == ".npy";
}

/// True for a database of LMDB: a folder with a data.mdb, or such a file alone.
bool is_lmdb(const fs::path& path) {
  std::error_code ignored;
  return path.extension() == ".mdb" || (path.extension() == ".lmdb" && fs::is_regular_file(path, ignored)) ||
         fs::exists(path / "data.mdb", ignored);
}

void list_folder(const fs::path& folder, Listing& into) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) throw IoError("cannot read the folder: " + error.message(), {.file = folder.string()});
  std::vector<fs::path> files;
  for (const auto& entry : entries) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  const bool any_image = std::any_of(files.begin(), files.end(), has_image_extension);
  const bool any_array = !any_image && std::any_of(files.begin(), files.end(), is_npy);
  if (!any_image && !any_array)
    throw FormatError(files.empty() ? "the folder holds no files"
                                    : "none of the " + std::to_string(files.size()) +
                                          " files in the folder is an image or a .npy",
                      {.file = folder.string()});
  for (fs::path& file : files) {
    if (any_image ? has_image_extension(file) : is_npy(file))
      (any_image ? into.images : into.arrays).push_back(std::move(file));
    else
      ++into.ignored;
  }
}

/// `path` or `path label`; a path may hold blanks, so a line that names a file as a whole has no label.
std::pair<fs::path, std::optional<std::size_t>> parse_line(const std::string& line, const fs::path& folder) {
  std::error_code ignored;
  const std::size_t blank = line.find_last_of(" \t");
  if (blank == std::string::npos || fs::exists(folder / line, ignored)) return {folder / line, std::nullopt};
  std::size_t label = 0;
  const char* const end = line.data() + line.size();
  const auto [stop, error] = std::from_chars(line.data() + blank + 1, end, label);
  if (error != std::errc() || stop != end) return {folder / line, std::nullopt};
  const std::size_t last = line.find_last_not_of(" \t", blank);
  return {folder / line.substr(0, last + 1), label};
}

void read_list(const fs::path& list, Listing& into) {
  std::ifstream in(list);
  if (!in) throw IoError("cannot open the list", {.file = list.string()});
  std::size_t entries = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.find('\0') != std::string::npos)
      throw FormatError("neither an image, a .npy, nor a list of files", {.file = list.string()});
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (line.empty() || line.front() == '#') continue;
    auto [path, label] = parse_line(line, list.parent_path());
    ++entries;
    if (is_npy(path)) {
      into.arrays.push_back(std::move(path));
    } else {
      into.images.push_back(std::move(path));
      into.labels.resize(into.images.size());
      into.labels.back() = label;
    }
  }
  if (entries == 0) throw FormatError("the list names no files", {.file = list.string()});
}

Listing list_files(std::span<const fs::path> paths) {
  Listing listing;
  for (const fs::path& path : paths) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) throw IoError("no such file or folder", {.file = path.string()});
    if (is_lmdb(path))
      listing.databases.push_back(path);
    else if (fs::is_directory(status))
      list_folder(path, listing);
    else if (is_npy(path))
      listing.arrays.push_back(path);
    else if (has_image_extension(path))
      listing.images.push_back(path);
    else
      read_list(path, listing);
  }
  if (!listing.labels.empty()) listing.labels.resize(listing.images.size());
  return listing;
}

std::size_t batch_of(const PortInfo& input) {
  return input.shape.empty() ? 1 : static_cast<std::size_t>(input.shape.front());
}

InputSource image_source(Listing listing, const PortInfo& input, const Preprocessing& how) {
  const ImagePreprocessor preprocessor(how, input.name, input.shape);
  InputSource source;
  source.description = preprocessor.describe();
  source.images = true;
  source.samples = listing.images.size();
  source.row_size = static_cast<std::size_t>(element_count(input.shape)) / batch_of(input);
  source.files = std::move(listing.images);
  source.labels = std::move(listing.labels);
  source.ignored_files = listing.ignored;
  source.read = [preprocessor, files = source.files](std::size_t sample, std::span<float> row) {
    const Image image = load_image(files[sample]);
    in_context({.file = files[sample].string()}, [&] { preprocessor.run(image, row); });
  };
  return source;
}

/// Elements of one sample in an array: a row of the batch, or the whole input (in either case the first axis
/// of the array counts, unless the array is exactly one sample without that axis).
std::size_t row_of(const NpyReader& array, const PortInfo& input, const fs::path& path) {
  const auto total = static_cast<std::size_t>(element_count(input.shape));
  const std::size_t row = total / std::max<std::size_t>(1, batch_of(input));
  const auto count = static_cast<std::size_t>(array.count());
  const std::size_t first = array.shape().empty() ? 1 : static_cast<std::size_t>(array.shape().front());
  if (count > 0 && total > 0) {
    if (count == first * row) return row;
    if (count == first * total) return total;
    if (count == row || count == total) return count;
  }
  throw FormatError("shape " + to_string(array.shape()) + " does not fit input '" + input.name +
                        "' of shape " + to_string(input.shape),
                    {.file = path.string(), .remedy = "the first axis counts samples"});
}

InputSource array_source(const Listing& listing, const PortInfo& input) {
  struct Part {
    NpyReader array;
    std::size_t end;  ///< samples of all arrays up to this one
  };
  auto parts = std::make_shared<std::vector<Part>>();
  InputSource source;
  for (const fs::path& path : listing.arrays) {
    NpyReader array(path);
    const std::size_t row = row_of(array, input, path);
    if (source.row_size != 0 && row != source.row_size)
      throw FormatError("its samples have another size than those of the arrays before",
                        {.file = path.string()});
    source.row_size = row;
    source.samples += static_cast<std::size_t>(array.count()) / row;
    parts->push_back({std::move(array), source.samples});
    if (source.samples == parts->size()) source.files.push_back(path);
  }
  if (source.files.size() != source.samples) source.files.clear();
  source.ignored_files = listing.ignored;
  source.description = "numbers as they are in " +
                       (listing.arrays.size() == 1 ? listing.arrays.front().filename().string()
                                                   : std::to_string(listing.arrays.size()) + " .npy files");
  source.read = [parts](std::size_t sample, std::span<float> row) {
    const auto part =
        std::find_if(parts->begin(), parts->end(), [&](const Part& p) { return sample < p.end; });
    const std::size_t begin = part == parts->begin() ? 0 : std::prev(part)->end;
    part->array.read(static_cast<std::int64_t>((sample - begin) * row.size()), row);
  };
  return source;
}

}  // namespace

InputSource open_source(std::span<const fs::path> paths, const PortInfo& input,
                        const Preprocessing& preprocessing) {
  Listing listing = list_files(paths);
  if (!listing.images.empty() && !listing.arrays.empty())
    throw UsageError("images and .npy files cannot be mixed for input '" + input.name + "'");
  if (!listing.databases.empty() && !(listing.images.empty() && listing.arrays.empty()))
    throw UsageError("databases and files cannot be mixed for input '" + input.name + "'");
  if (!listing.databases.empty()) return lmdb_source(listing.databases, input, preprocessing);
  return listing.arrays.empty() ? image_source(std::move(listing), input, preprocessing)
                                : array_source(listing, input);
}

InputSource random_source(const PortInfo& input, std::size_t number, std::uint64_t seed) {
  InputSource source;
  source.description = "uniform random numbers in [-1,1), seed " + std::to_string(seed);
  source.row_size =
      static_cast<std::size_t>(element_count(input.shape)) / std::max<std::size_t>(1, batch_of(input));
  source.read = [number, seed](std::size_t sample, std::span<float> row) {
    const std::uint64_t first = std::uint64_t{sample} * row.size();
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = random_input(seed, number, first + i);
  };
  return source;
}

}  // namespace refcalib::engine
