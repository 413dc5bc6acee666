#include <algorithm>
#include <map>

#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/image.h"
#include "engine/evaluation/npy.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

std::string at(const fs::path& file, int line) {
  return file.string() + ":" + std::to_string(line);
}

/// WIDER FACE: the name of a picture, the number of faces, then a line `x y w h blur expression illumination
/// invalid occlusion pose` for each. Boxes without area and invalid ones are difficult.
AnnotationSet convert_wider(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  const std::int64_t label = fields.integer("label_start", 1, 0, 1000000);
  AnnotationSet set;
  set.meta.label_maps["label_map"] = {{label, "face"}};
  if (label > 0) {
    set.meta.label_maps["label_map"][0] = "__background__";
    set.meta.background = 0;
  }
  const std::vector<TextLine> lines = read_lines(file);
  for (std::size_t i = 0; i < lines.size();) {
    const std::string id = lines[i].text;
    if (++i == lines.size())
      throw FormatError("the number of faces of '" + id + "' is missing", {.file = file.string()});
    const std::int64_t count = integer_of(lines[i].text, file, lines[i].number);
    ++i;
    BoxTruth truth;
    for (std::int64_t k = 0; k < count; ++k, ++i) {
      const auto words = i < lines.size() ? words_of(lines[i].text) : std::vector<std::string>{};
      if (words.size() < 4)
        throw FormatError("face " + std::to_string(k) + " of '" + id + "' is missing",
                          {.file = at(file, i < lines.size() ? lines[i].number : lines.back().number)});
      const double x = real_of(words[0], file, lines[i].number), y = real_of(words[1], file, lines[i].number);
      const double w = real_of(words[2], file, lines[i].number), h = real_of(words[3], file, lines[i].number);
      const bool invalid = words.size() > 7 && words[7] == "1";
      truth.boxes.push_back({x, y, x + w, y + h});
      truth.labels.push_back(label);
      truth.difficult.push_back(invalid || w <= 0 || h <= 0 ? 1 : 0);
    }
    // Pictures without faces have one line of zeros.
    if (count == 0 && i < lines.size() && words_of(lines[i].text).size() >= 10) ++i;
    set.add({id}, std::move(truth));
  }
  return set;
}

/// Darknet: NAME.txt with lines `class x y w h`, as shares of the picture, beside or apart from the pictures.
AnnotationSet convert_yolo(Fields& fields, const ConverterPaths& paths) {
  const fs::path images = paths.existing(fields, "images_dir");
  const fs::path labels = paths.existing(fields, "labels_dir");
  const fs::path names = paths.optional(fields, "labels_file");
  AnnotationSet set;
  std::int64_t highest = -1;
  for (const fs::path& picture : pictures_in(images)) {
    fs::path file = labels / picture.stem();
    file += ".txt";
    BoxTruth truth;
    std::error_code ignored;
    if (fs::exists(file, ignored)) {
      const Image size = load_image(picture);
      for (const TextLine& line : read_lines(file)) {
        const auto words = words_of(line.text);
        if (words.size() < 5)
          throw FormatError("`class x y w h` is expected", {.file = at(file, line.number)});
        const auto number = [&](std::size_t k) { return real_of(words[k], file, line.number); };
        const double x = number(1) * size.width, y = number(2) * size.height;
        const double w = number(3) * size.width, h = number(4) * size.height;
        truth.boxes.push_back({x - w / 2, y - h / 2, x + w / 2, y + h / 2});
        truth.labels.push_back(integer_of(words[0], file, line.number));
        highest = std::max(highest, truth.labels.back());
      }
    }
    set.add({picture.filename().string()}, std::move(truth));
  }
  if (!names.empty())
    read_label_names(names, 0, set.meta);
  else
    for (std::int64_t k = 0; k <= highest; ++k) set.meta.label_maps["label_map"][k] = std::to_string(k);
  return set;
}

/// Ratings `user item rating`, one item that each user took; and a line of items that he did not take for
/// each user. Samples are pairs 'u:USER', 'i:ITEM'.
AnnotationSet convert_movie_lens(Fields& fields, const ConverterPaths& paths) {
  const fs::path ratings = paths.existing(fields, "rating_file");
  const fs::path negatives = paths.existing(fields, "negative_file");
  const auto most = fields.optional_number("users_max_number", {1, 1e12, true});
  AnnotationSet set;
  const auto add = [&](std::int64_t user, std::int64_t item, bool positive) {
    set.add({"u:" + std::to_string(user), "i:" + std::to_string(item)}, ItemTruth{user, item, positive});
  };
  std::map<std::int64_t, std::int64_t> taken;
  for (const TextLine& line : read_lines(ratings)) {
    if (most && static_cast<double>(taken.size()) >= *most) break;
    const auto words = words_of(line.text);
    if (words.size() != 3)
      throw FormatError("`user item rating` is expected", {.file = at(ratings, line.number)});
    const std::int64_t user = integer_of(words[0], ratings, line.number),
                       item = integer_of(words[1], ratings, line.number);
    taken[user] = item;
    add(user, item, true);
  }
  const std::vector<TextLine> lines = read_lines(negatives);
  for (std::size_t user = 0; user < lines.size(); ++user) {
    const auto id = static_cast<std::int64_t>(user);
    if (!taken.contains(id)) continue;
    for (const std::string& word : words_of(lines[user].text)) {
      if (word.starts_with('(')) continue;  // "(user,item)" in front, as the original files have
      const std::int64_t item = integer_of(word, negatives, lines[user].number);
      if (item != taken[id]) add(id, item, false);
    }
  }
  return set;
}

/// Rows `file,label` or `file,value,value…` with a header: `id` or `file` and `label`, or other names for
/// numbers.
AnnotationSet convert_csv(Fields& fields, const ConverterPaths& paths) {
  const fs::path file = paths.existing(fields, "annotation_file");
  const fs::path names = paths.optional(fields, "labels_file");
  const auto rows = read_csv(file);
  if (rows.size() < 2) throw FormatError("a header and rows are expected", {.file = file.string()});
  const auto& header = rows.front().second;
  const auto column = [&](std::string_view name) {
    return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) - header.begin());
  };
  const std::size_t id = std::min({column("id"), column("file"), column("identifier"), column("image")});
  const std::size_t label = column("label");
  if (id == header.size())
    throw FormatError("no column is called 'id', 'file', 'identifier' or 'image'", {.file = at(file, 1)});
  AnnotationSet set;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const auto& [line, cells] = rows[r];
    if (cells.size() != header.size())
      throw FormatError("the row has " + std::to_string(cells.size()) + " cells, the header " +
                            std::to_string(header.size()),
                        {.file = at(file, line)});
    if (label < header.size()) {
      set.add({cells[id]}, ClassTruth{integer_of(cells[label], file, line)});
      continue;
    }
    ValuesTruth truth;
    for (std::size_t c = 0; c < cells.size(); ++c)
      if (c != id) truth.values.push_back(real_of(cells[c], file, line));
    set.add({cells[id]}, std::move(truth));
  }
  if (!names.empty()) read_label_names(names, 0, set.meta);
  return set;
}

/// A .npy whose first axis counts samples (data_file) and the label of each, one a line (labels_file). Samples
/// are called FILE#ROW, which numpy_reader takes.
AnnotationSet convert_rows(Fields& fields, const ConverterPaths& paths) {
  const std::string data = fields.text("data_file");
  const NpyReader array(paths.existing(fields, "data_file"));
  const fs::path labels = paths.existing(fields, "labels_file");
  const fs::path names = paths.optional(fields, "names_file");
  AnnotationSet set;
  for (const TextLine& line : read_lines(labels)) {
    const std::int64_t label = integer_of(line.text, labels, line.number);
    set.add({data + "#" + std::to_string(set.samples.size())}, ClassTruth{label});
    set.meta.label_maps["label_map"].emplace(label, std::to_string(label));
  }
  const auto rows = array.shape().empty() ? 0 : static_cast<std::size_t>(array.shape().front());
  if (rows != set.samples.size())
    throw FormatError("there are " + std::to_string(set.samples.size()) + " labels for " +
                          std::to_string(rows) + " rows of the array",
                      {.file = labels.string()});
  if (!names.empty()) read_label_names(names, 0, set.meta);
  return set;
}

/// A folder of pictures and one of masks with the same names (.png); names of the labels in a list (`labels`)
/// or a file.
AnnotationSet convert_masks(Fields& fields, const ConverterPaths& paths) {
  const fs::path images = paths.existing(fields, "images_dir");
  const std::string masks = fields.text("masks_dir", "");
  const fs::path names = paths.optional(fields, "labels_file");
  const std::string suffix = fields.text("mask_postfix", ".png");
  AnnotationSet set;
  for (const std::string& name : fields.texts("labels")) {
    DatasetMeta::LabelMap& labels = set.meta.label_maps["label_map"];
    labels.emplace(std::ssize(labels), name);
  }
  for (const fs::path& picture : pictures_in(images))
    set.add({picture.filename().string()},
            MaskTruth{(fs::path(masks) / picture.stem()).generic_string() + suffix, {}});
  if (!names.empty()) read_label_names(names, 0, set.meta);
  return set;
}

}  // namespace

extern const ConverterRecord wider_converter{
    .name = "wider", .summary = "WIDER FACE's text (annotation_file)", .convert = convert_wider};
extern const ConverterRecord yolo_labels_converter{
    .name = "yolo_labels",
    .summary = "Darknet's NAME.txt (labels_dir) for the pictures of images_dir",
    .convert = convert_yolo,
    .aliases = {"yolo_labeling"}};
extern const ConverterRecord movie_lens_converter{
    .name = "movie_lens_converter",
    .summary = "ratings (rating_file) and items not taken (negative_file) of users",
    .convert = convert_movie_lens,
    .aliases = {"ncf", "ncf_converter"}};
extern const ConverterRecord csv_converter{
    .name = "csv",
    .summary = "comma-separated rows of file and label, or file and numbers",
    .convert = convert_csv};
extern const ConverterRecord numpy_rows_converter{
    .name = "numpy_rows",
    .summary = "rows of a .npy (data_file) and their labels (labels_file)",
    .convert = convert_rows};
extern const ConverterRecord image_masks_converter{
    .name = "common_semantic_segmentation",
    .summary = "pictures (images_dir) and masks of the same names (masks_dir)",
    .convert = convert_masks};

}  // namespace refcalib::engine
