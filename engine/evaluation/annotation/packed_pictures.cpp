#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

std::string read_bytes(const fs::path& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, ignored)) throw IoError("cannot open the file", {.file = path.string()});
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Writes pictures of a packed file as PNM, which every reader takes, if a folder is named.
class PictureWriter {
 public:
  PictureWriter(Fields& fields, const ConverterPaths& paths)
      : wanted_(fields.flag("convert_images", false)), folder_(paths.output(fields, "converted_images_dir")) {
    if (!wanted_) return;
    if (folder_.empty()) fields.fail("convert_images", "'converted_images_dir' is missing");
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw IoError("cannot make the folder: " + error.message(), {.file = folder_.string()});
  }

  /// `planes`: [channels][height][width].
  void write(const std::string& name, std::string_view planes, std::size_t channels, std::size_t side) const {
    if (!wanted_) return;
    std::string text =
        (channels == 3 ? "P6 " : "P5 ") + std::to_string(side) + " " + std::to_string(side) + " 255\n";
    for (std::size_t i = 0; i < side * side; ++i)
      for (std::size_t c = 0; c < channels; ++c) text += planes[c * side * side + i];
    OutputFile file(folder_ / name);
    file.write(text);
    file.commit();
  }

 private:
  bool wanted_;
  fs::path folder_;
};

/// Pictures that lie unpacked: a list `picture label` (annotation_file), or a folder for each class, called by its name or number
/// (data_dir). False if the entry names neither.
bool read_unpacked(Fields& fields, const ConverterPaths& paths, AnnotationSet& set, std::int64_t shift) {
  if (fields.has("annotation_file")) {
    const fs::path list = paths.existing(fields, "annotation_file");
    for (const TextLine& line : read_lines(list)) {
      const auto words = words_of(line.text);
      if (words.size() != 2)
        throw FormatError("a line `picture label` is expected",
                          {.file = list.string() + ":" + std::to_string(line.number)});
      set.add({words[0]}, ClassTruth{integer_of(words[1], list, line.number) + shift});
    }
    return true;
  }
  if (!fields.has("data_dir")) return false;
  const fs::path root = paths.existing(fields, "data_dir");
  const DatasetMeta::LabelMap& names = set.meta.labels();
  std::error_code ignored;
  for (const auto& [label, name] : names) {
    fs::path folder = root / name;
    if (!fs::is_directory(folder, ignored)) folder = root / std::to_string(label - shift);
    if (label == set.meta.background || !fs::is_directory(folder, ignored)) continue;
    for (const fs::path& picture : pictures_in(folder))
      set.add({(folder.filename() / picture.filename()).generic_string()}, ClassTruth{label});
  }
  if (set.samples.empty())
    throw FormatError("has no folder with pictures that is called by a class, such as '" +
                          names.rbegin()->second + "' or '" + std::to_string(names.rbegin()->first - shift) +
                          "'",
                      {.file = root.string()});
  return true;
}

/// CIFAR's binary files: a label (CIFAR-100: two) and 3 x 32 x 32 bytes for each picture; or unpacked pictures.
AnnotationSet convert_cifar(Fields& fields, const ConverterPaths& paths) {
  static constexpr std::array<std::string_view, 10> names{"airplane", "automobile", "bird",  "cat",  "deer",
                                                          "dog",      "frog",       "horse", "ship", "truck"};
  const bool background = fields.flag("has_background", false);
  const std::int64_t classes = fields.integer("num_classes", 10, 1, 1000), shift = background ? 1 : 0;
  AnnotationSet set;
  for (std::int64_t k = 0; k < classes; ++k)
    set.meta.label_maps["label_map"][k + shift] =
        classes == 10 ? std::string(names[static_cast<std::size_t>(k)]) : std::to_string(k);
  if (background) {
    set.meta.label_maps["label_map"][0] = "background";
    set.meta.background = 0;
  }
  if (read_unpacked(fields, paths, set, shift)) return set;
  const fs::path file = paths.existing(fields, "data_batch_file");
  const std::size_t header = classes > 10 ? 2 : 1, record = header + 3072;
  const PictureWriter writer(fields, paths);
  const std::string bytes = read_bytes(file);
  if (bytes.starts_with('\x80'))
    throw UnsupportedError("CIFAR's Python files (pickles) are not read",
                           {.file = file.string(), .remedy = "take its binary version"});
  if (bytes.empty() || bytes.size() % record != 0)
    throw FormatError("the size is no multiple of " + std::to_string(record) + " bytes, CIFAR's record",
                      {.file = file.string()});
  for (std::size_t i = 0; i * record < bytes.size(); ++i) {
    const auto label = static_cast<std::int64_t>(static_cast<unsigned char>(bytes[i * record + header - 1]));
    if (label >= classes)
      throw FormatError("picture " + std::to_string(i) + " has the label " + std::to_string(label),
                        {.file = file.string()});
    const std::string id =
        std::to_string(i) + "_" +
        (classes == 10 ? std::string(names[static_cast<std::size_t>(label)]) : std::to_string(label)) +
        ".ppm";
    writer.write(id, std::string_view(bytes).substr(i * record + header, 3072), 3, 32);
    set.add({id}, ClassTruth{label + shift});
  }
  return set;
}

DatasetMeta digits() {
  DatasetMeta meta;
  for (std::int64_t k = 0; k < 10; ++k) meta.label_maps["label_map"][k] = std::to_string(k);
  return meta;
}

/// MNIST's own files (labels_file, images_file: IDX), or unpacked pictures.
AnnotationSet convert_mnist(Fields& fields, const ConverterPaths& paths) {
  AnnotationSet set;
  set.meta = digits();
  if (read_unpacked(fields, paths, set, 0)) return set;
  const fs::path labels_file = paths.existing(fields, "labels_file"),
                 images_file = paths.existing(fields, "images_file");
  const PictureWriter writer(fields, paths);
  const std::string labels = read_bytes(labels_file), images = read_bytes(images_file);
  const std::size_t count = labels.size() < 8 ? 0 : labels.size() - 8;
  if (!labels.starts_with(std::string_view("\0\0\x08\x01", 4)) || count == 0)
    throw FormatError("no IDX file of labels",
                      {.file = labels_file.string(), .remedy = "unpack it with gzip -d"});
  if (!images.starts_with(std::string_view("\0\0\x08\x03", 4)) || images.size() != 16 + count * 784)
    throw FormatError("no IDX file of " + std::to_string(count) + " pictures of 28x28",
                      {.file = images_file.string()});
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = std::to_string(i) + ".pgm";
    writer.write(id, std::string_view(images).substr(16 + i * 784, 784), 1, 28);
    set.add({id}, ClassTruth{static_cast<std::int64_t>(static_cast<unsigned char>(labels[8 + i]))});
  }
  return set;
}

/// Rows `label,784 values` with a header.
AnnotationSet convert_mnist_csv(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  const PictureWriter writer(fields, paths);
  const auto rows = read_csv(file);
  if (rows.empty()) throw FormatError("the file is empty", {.file = file.string()});
  const auto& header = rows.front().second;
  const auto label = std::find(header.begin(), header.end(), "label") - header.begin();
  if (label == std::ssize(header) || header.size() != 785)
    throw FormatError("a header with 'label' and 784 columns of pixels is expected",
                      {.file = file.string() + ":1"});
  AnnotationSet set;
  set.meta = digits();
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const auto& [line, cells] = rows[r];
    if (cells.size() != 785)
      throw FormatError("the row has not 785 cells", {.file = file.string() + ":" + std::to_string(line)});
    std::string pixels;
    for (std::ptrdiff_t c = 0; c < std::ssize(cells); ++c)
      if (c != label)
        pixels += static_cast<char>(
            std::clamp<std::int64_t>(integer_of(cells[static_cast<std::size_t>(c)], file, line), 0, 255));
    const std::string id = std::to_string(r - 1) + ".pgm";
    writer.write(id, pixels, 1, 28);
    set.add({id}, ClassTruth{integer_of(cells[static_cast<std::size_t>(label)], file, line)});
  }
  return set;
}

}  // namespace

extern const ConverterRecord cifar_converter{.name = "cifar",
                                             .summary =
                                                 "CIFAR's binary files (data_batch_file), lines `picture "
                                                 "label` (annotation_file), or a folder for each class "
                                                 "(data_dir)",
                                             .convert = convert_cifar,
                                             .aliases = {"cifar10"}};
extern const ConverterRecord mnist_converter{
    .name = "mnist",
    .summary =
        "MNIST's files (labels_file, images_file), lines `picture label` (annotation_file), or a folder "
        "for each class (data_dir)",
    .convert = convert_mnist};
extern const ConverterRecord mnist_csv_converter{
    .name = "mnist_csv",
    .summary = "MNIST as comma-separated values (annotation_file)",
    .convert = convert_mnist_csv};

}  // namespace refcalib::engine
