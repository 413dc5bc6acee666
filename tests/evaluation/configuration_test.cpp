#include <algorithm>

#include "engine/evaluation/annotation/converter.h"
#include "engine/evaluation/configuration/evaluation_config.h"
#include "engine/evaluation/pipeline.h"
#include "engine/evaluation/stored_predictions.h"
#include "tests/evaluation/metric_support.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Approx;
using refcalib_test::Contains;
using refcalib_test::TemporaryFolder;

namespace {

const char* const kConfig = R"(models:
  - name: net
    launchers:
      - framework: dlsdk
        model: net.xml
        adapter: classification
    datasets:
      - name: data
        subsample_size: 10%
)";

const char* const kDefinitions = R"(launchers:
  - framework: caffe
    device: CPU
  - framework: dlsdk
    device: CPU
    batch: 4
datasets:
  - name: data
    data_source: images
    annotation: labels.json
    subsample_size: 5
    preprocessing:
      - type: resize
        size: 10
    metrics:
      - type: accuracy
)";

ConfigResult read(const TemporaryFolder& folder, const std::string& config,
                  const std::string& definitions = {}) {
  ConfigRequest request;
  request.config = folder.write("config.yml", config);
  if (!definitions.empty()) request.definitions = folder.write("definitions.yml", definitions);
  request.prefixes = {"M", "S", "A", ""};
  return read_configuration(request);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

AnnotationSet convert(const std::vector<std::pair<std::string, std::string>>& entries,
                      const TemporaryFolder& folder) {
  const ConfigNode node = map_node(entries);
  Fields fields(node, "conversion", "converter");
  return convert_annotation(fields, ConverterPaths(folder.path()));
}

}  // namespace

TEST_CASE("a configuration is completed by its definitions; its own keys win as a whole", "[configuration]") {
  const TemporaryFolder folder;
  const ConfigResult result = read(folder, kConfig, kDefinitions);
  REQUIRE(result.evaluations.size() == 1);
  const EvaluationConfig& e = result.evaluations.front();
  CHECK(e.name == "net");
  CHECK(e.launcher.model == "M/net.xml");
  CHECK(e.launcher.batch == 4);
  CHECK(e.dataset.data == "S/images");
  CHECK(e.dataset.annotation == "A/labels.json");
  CHECK(e.dataset.subset == "10%");
  CHECK(e.dataset.preprocessing.size() == 1);
  CHECK(e.dataset.metrics.size() == 1);
}

TEST_CASE("errors of a configuration name file, line and what may stand there", "[configuration]") {
  const TemporaryFolder folder;
  const auto refuse = [&](const std::string& from, const std::string& to,
                          const std::vector<std::string>& parts) {
    INFO(to);
    for (const std::string& part : parts)
      CHECK_THROWS_WITH(read(folder, replaced(kConfig, from, to), kDefinitions), Contains(part));
  };
  refuse("models:", "model:", {"did you mean 'models'", "config.yml:1"});
  refuse("name: net", "nam: net", {"'name' is missing"});
  refuse("adapter: classification", "adaptor: classification", {"config.yml", "'adapter' is missing"});
  refuse("model: net.xml", "model: net.xml\n        wheights: x", {"config.yml:6", "did you mean 'weights'"});
  refuse("framework: dlsdk", "framework: tensorflow", {"'dlsdk', 'openvino'"});
  refuse("framework: dlsdk", "framework: caffe", {"no launcher of the configuration is of framework dlsdk"});
  refuse("- name: data", "- name: other", {"neither 'annotation' nor 'annotation_conversion'"});
  refuse("subsample_size: 10%", "subsample_siz: 3", {"config.yml:9", "did you mean 'subsample_size'"});
  refuse("subsample_size: 10%", "metrics: accuracy", {"'metrics' must be a list"});
  refuse("      - framework", "     - framework: x\n      - framework", {"not valid YAML", "config.yml"});
  CHECK_THROWS_AS(read_yaml(folder / "absent.yml"), IoError);
  CHECK_THROWS_WITH(parse_yaml("a: 1\na: 2", "x.yml"), Contains("x.yml:2: 'a' is given twice"));
}

TEST_CASE("a model of another framework stands for what the Model Optimizer makes of it", "[configuration]") {
  const TemporaryFolder folder;
  const ConfigResult result =
      read(folder, replaced(kConfig, "model: net.xml", "tf_model: dir/net.pb"), kDefinitions);
  CHECK(result.evaluations.at(0).launcher.model == "M/net.xml");
  REQUIRE(result.warnings.size() == 1);
  CHECK_THAT(result.warnings[0], Contains("no Model Optimizer"));
}

TEST_CASE("models of ONNX and Caffe are read as they are", "[configuration]") {
  const TemporaryFolder folder;
  const auto with = [&](const std::string& fields) {
    return read(folder, replaced(kConfig, "model: net.xml", fields), kDefinitions);
  };
  CHECK(with("onnx_model: dir/net.onnx").evaluations.at(0).launcher.model == "M/dir/net.onnx");
  const ConfigResult caffe = with("caffe_model: net.prototxt\n        caffe_weights: w/net.caffemodel");
  CHECK(caffe.evaluations.at(0).launcher.model == "M/net.prototxt");
  CHECK(caffe.evaluations[0].launcher.weights == "M/w/net.caffemodel");
  CHECK(caffe.warnings.empty());
  const std::string params = "onnx_model: net.onnx\n        mo_params: {data_type: FP32";
  CHECK(with(params + "}").warnings.size() == 1);
  CHECK_THROWS_WITH(with(params + ", mean_values: '[1, 2, 3]'}"),
                    Contains("config.yml:6") && Contains("convert"));
  CHECK_THROWS_WITH(with("onnx_model: net.onnx\n        mo_flags: [reverse_input_channels]"),
                    Contains("bgr_to_rgb"));
}

TEST_CASE("launchers for other devices and frameworks are left out", "[configuration]") {
  const TemporaryFolder folder;
  const ConfigResult caffe =
      read(folder,
           replaced(kConfig, "      - framework: dlsdk",
                    "      - framework: caffe\n        model: net.prototxt\n        adapter: ssd\n"
                    "      - framework: dlsdk"),
           kDefinitions);
  CHECK(caffe.evaluations.size() == 1);
  CHECK_THAT(caffe.warnings.at(0), Contains("framework caffe is left out"));
  const std::string both =
      replaced(kConfig, "      - framework: dlsdk",
               "      - framework: dlsdk\n        device: GPU\n        model: gpu.xml\n        adapter: ssd\n"
               "      - framework: dlsdk");
  const ConfigResult result = read(folder, both, kDefinitions);
  REQUIRE(result.evaluations.size() == 1);
  CHECK(result.evaluations[0].launcher.model == "M/net.xml");
  REQUIRE(result.warnings.size() == 1);
  CHECK_THAT(result.warnings[0], Contains("device GPU"));
}

TEST_CASE("inputs of a launcher", "[configuration]") {
  const TemporaryFolder folder;
  const std::string text = replaced(kConfig, "adapter: classification", R"(adapter: {type: hit_ratio_adapter}
        inputs:
          - {name: a, type: INPUT, value: u}
          - {name: b, type: CONST_INPUT, value: [[1], [2]]}
          - {name: c, type: IMAGE_INFO})");
  const auto inputs = read(folder, text, kDefinitions).evaluations[0].launcher.inputs;
  REQUIRE(inputs.size() == 3);
  CHECK(inputs[0].pattern == "u");
  CHECK(inputs[1].constant == std::vector<double>{1, 2});
  CHECK(inputs[2].kind == InputBinding::Kind::image_info);
  CHECK(read(folder, text, kDefinitions).evaluations[0].launcher.understood.back().value == "IMAGE_INFO");
  CHECK_THROWS_WITH(read(folder, replaced(text, "value: u", "value: '['"), kDefinitions),
                    Contains("no regular expression"));
}

TEST_CASE("annotations are read as they were written", "[annotation]") {
  AnnotationSet set;
  set.meta = refcalib_test::letters(2);
  set.meta.background = 0;
  set.meta.segmentation_colors = {{0, 0, 0}, {128, 0, 0}};
  set.samples.push_back(
      {{"\xC3\xA4 b.jpg"}, BoxTruth{{{1, 2, 3, 4.5}, {0, 0, 1, 1}}, {1, 1}, {0, 1}, {1, 0}}});
  const std::string text = to_json(set);
  const AnnotationSet back = parse_annotations(text, "x.json");
  CHECK(to_json(back) == text);
  const auto& boxes = std::get<BoxTruth>(back.samples.at(0).truth);
  CHECK(boxes.boxes[0].y2 == 4.5);
  CHECK(boxes.difficult == std::vector<std::uint8_t>{0, 1});
  CHECK(back.meta.background == 0);
  for (const Truth& truth : std::vector<Truth>{ClassTruth{3}, MaskTruth{"m.png", {}}, ValuesTruth{{0.1, 2}},
                                               PictureTruth{"p.png", {}}, ItemTruth{1, 2, true}}) {
    AnnotationSet one;
    one.samples.push_back({{"u:1", "i:2"}, truth});
    CHECK(to_json(parse_annotations(to_json(one), "x")) == to_json(one));
  }
}

TEST_CASE("what is wrong with annotations", "[annotation]") {
  const auto refuse = [](const std::string& samples, const char* part) {
    INFO(samples);
    CHECK_THROWS_WITH(
        parse_annotations(
            R"({"format": "refcalib annotations", "version": 1, "annotations": )" + samples + "}", "x.json"),
        Contains(part));
  };
  refuse("3", "must be a list");
  refuse(R"([{"label": 1}])", "'id' is missing");
  refuse(R"([{"id": "a"}])", "'boxes'");
  refuse(R"([{"id": "a", "label": "b"}])", "'label' is of another type");
  refuse(R"([{"id": "a", "boxes": [[1, 2, 3]], "labels": [1]}])", "[x1, y1, x2, y2]");
  refuse(R"([{"id": "a", "boxes": [[1, 2, 3, 4]], "labels": []}])", "1 boxes and 0 labels");
  refuse(R"([{"id": "a", "boxes": [], "labels": [], "difficult": [0]}])", "names box 0 of 0");
  refuse(R"([{"id": "a", "label": 1}, {"id": "b", "mask": "m"}])", "'b' has masks");
  CHECK_THROWS_WITH(parse_annotations("{}", "x.json"), Contains("x.json: no annotations of refcalib"));
  CHECK_THROWS_WITH(parse_annotations("{", "x.json"), Contains("not valid JSON"));
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(read_annotations(folder.write("voc.pickle", "\x80\x03")),
                    Contains("refcalib convert-annotation"));
}

TEST_CASE("lists of pictures and labels become annotations", "[annotation]") {
  const TemporaryFolder folder;
  folder.write("val.txt", "a b.jpg 3\r\n# comment\n\nc.jpg 0\n");
  folder.write("words.txt", "n01 tench, Tinca\nn02 goldfish\n");
  const AnnotationSet set = convert({{"converter", "imagenet"},
                                     {"annotation_file", "val.txt"},
                                     {"labels_file", "words.txt"},
                                     {"has_background", "True"}},
                                    folder);
  REQUIRE(set.samples.size() == 2);
  CHECK(set.samples[0].ids[0] == "a b.jpg");
  CHECK(std::get<ClassTruth>(set.samples[0].truth).label == 4);
  CHECK(set.meta.label_name(1) == "tench, Tinca");
  CHECK(set.meta.background == 0);
  folder.write("wrong.txt", "a.jpg 1\nb.jpg x\n");
  CHECK_THROWS_WITH(convert({{"converter", "imagenet"}, {"annotation_file", "wrong.txt"}}, folder),
                    Contains("wrong.txt:2"));
  folder.write("twice.txt", "a.jpg 1\na.jpg 2\n");
  CHECK_THROWS_WITH(convert({{"converter", "imagenet"}, {"annotation_file", "twice.txt"}}, folder),
                    Contains("annotated twice"));
  CHECK_THROWS_WITH(convert({{"converter", "imagenet"}, {"annotation_file", "absent.txt"}}, folder),
                    Contains("-s/--source"));
  CHECK_THROWS_WITH(convert({{"converter", "imagnet"}}, folder), Contains("did you mean 'imagenet'"));
}

TEST_CASE("boxes of VOC, COCO, WIDER and Darknet", "[annotation]") {
  const TemporaryFolder folder;
  folder.write("a.xml", R"(<annotation><filename>a.jpg</filename>
    <object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>12</ymax></bndbox></object></annotation>)");
  const AnnotationSet voc = convert({{"converter", "voc_detection"}, {"annotations_dir", "."}}, folder);
  const auto& dog = std::get<BoxTruth>(voc.samples.at(0).truth);
  CHECK(dog.labels[0] == 12);
  CHECK(dog.boxes[0].x1 == 0);
  CHECK(dog.boxes[0].y2 == 11);
  CHECK(dog.difficult[0] == 1);
  folder.write("a.xml", "<annotation><filename>a</filename><object><name>wolf</name></object></annotation>");
  CHECK_THROWS_WITH(convert({{"converter", "voc_detection"}, {"annotations_dir", "."}}, folder),
                    Contains("a.xml: the class 'wolf'"));

  folder.write("coco.json", R"({"categories": [{"id": 7, "name": "train"}, {"id": 2, "name": "car"}],
    "images": [{"id": 9, "file_name": "b.jpg"}, {"id": 3, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 9, "category_id": 7, "bbox": [1, 2, 3, 4], "iscrowd": 1}]})");
  const AnnotationSet coco =
      convert({{"converter", "mscoco_detection"}, {"annotation_file", "coco.json"}}, folder);
  CHECK(coco.samples[0].ids[0] == "a.jpg");
  const auto& train = std::get<BoxTruth>(coco.samples[1].truth);
  CHECK(train.labels[0] == 1);
  CHECK(train.boxes[0].y2 == 6);
  CHECK(train.crowd[0] == 1);
  const AnnotationSet full = convert(
      {{"converter", "mscoco_detection"}, {"annotation_file", "coco.json"}, {"use_full_label_map", "True"}},
      folder);
  CHECK(std::get<BoxTruth>(full.samples[1].truth).labels[0] == 7);

  folder.write("wider.txt",
               "a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n5 6 7 8 0 0 0 1 0 0\nb.jpg\n0\n0 0 0 0 0 0 0 0 0 "
               "0\nc.jpg\n1\n1 1 2 2 0 0 0 0 0 0\n");
  const AnnotationSet wider = convert({{"converter", "wider"}, {"annotation_file", "wider.txt"}}, folder);
  REQUIRE(wider.samples.size() == 3);
  CHECK(std::get<BoxTruth>(wider.samples[0].truth).difficult == std::vector<std::uint8_t>{0, 1});
  CHECK(std::get<BoxTruth>(wider.samples[1].truth).boxes.empty());
  folder.write("short.txt", "a.jpg\n2\n1 2 3 4 0 0 0 0 0 0\n");
  CHECK_THROWS_WITH(convert({{"converter", "wider"}, {"annotation_file", "short.txt"}}, folder),
                    Contains("face 1 of 'a.jpg'"));

  folder.write("d.ppm", refcalib_test::pnm(refcalib_test::pattern(10, 20)));
  folder.write("d.txt", "1 0.5 0.5 0.2 0.1\n");
  const AnnotationSet yolo =
      convert({{"converter", "yolo_labels"}, {"images_dir", "."}, {"labels_dir", "."}}, folder);
  const auto& box = std::get<BoxTruth>(yolo.samples.at(0).truth).boxes.at(0);
  CHECK(box.x1 == Approx(4));
  CHECK(box.y2 == Approx(11));
}

TEST_CASE("packed pictures, tables and folders", "[annotation]") {
  const TemporaryFolder folder;
  std::string record(3073, '\7');
  record[0] = 3;
  folder.write("cifar.bin", record + record);
  const AnnotationSet cifar = convert({{"converter", "cifar"},
                                       {"data_batch_file", "cifar.bin"},
                                       {"convert_images", "True"},
                                       {"converted_images_dir", "out"}},
                                      folder);
  CHECK(cifar.samples.at(1).ids[0] == "1_cat.ppm");
  CHECK(load_image(folder / "out/1_cat.ppm").pixels[5] == 7);
  folder.write("bad.bin", "abc");
  CHECK_THROWS_WITH(convert({{"converter", "cifar10"}, {"data_batch_file", "bad.bin"}}, folder),
                    Contains("3073"));

  for (const char* name : {"unpacked/frog", "unpacked/9"}) std::filesystem::create_directories(folder / name);
  folder.write("unpacked/frog/b.ppm", "");
  folder.write("unpacked/9/a.ppm", "");
  const AnnotationSet folders =
      convert({{"converter", "cifar"}, {"data_dir", "unpacked"}, {"has_background", "True"}}, folder);
  REQUIRE(folders.samples.size() == 2);
  CHECK(folders.samples[0].ids[0] == "frog/b.ppm");
  CHECK(std::get<ClassTruth>(folders.samples[0].truth).label == 7);
  CHECK(std::get<ClassTruth>(folders.samples[1].truth).label == 10);
  CHECK(convert({{"converter", "mnist"}, {"data_dir", "unpacked"}}, folder).samples.size() == 1);
  CHECK_THROWS_WITH(convert({{"converter", "mnist"}, {"data_dir", "out"}}, folder),
                    Contains("called by a class"));
  folder.write("list.txt", "a.png 3\n");
  CHECK(std::get<ClassTruth>(
            convert({{"converter", "cifar"}, {"annotation_file", "list.txt"}}, folder).samples.at(0).truth)
            .label == 3);

  std::string labels("\0\0\x08\x01\0\0\0\1\5", 9), images("\0\0\x08\x03\0\0\0\1\0\0\0\x1c\0\0\0\x1c", 16);
  folder.write("labels.idx", labels);
  folder.write("images.idx", images + std::string(784, '\1'));
  CHECK(std::get<ClassTruth>(
            convert({{"converter", "mnist"}, {"labels_file", "labels.idx"}, {"images_file", "images.idx"}},
                    folder)
                .samples.at(0)
                .truth)
            .label == 5);
  CHECK_THROWS_WITH(
      convert({{"converter", "mnist"}, {"labels_file", "images.idx"}, {"images_file", "images.idx"}}, folder),
      Contains("no IDX file"));

  folder.write("table.csv", "id,label\n\"a,b.jpg\",1\nc.jpg,0\n");
  CHECK(convert({{"converter", "csv"}, {"annotation_file", "table.csv"}}, folder).samples.at(0).ids[0] ==
        "a,b.jpg");
  folder.write("numbers.csv", "file,x,y\na.jpg,1.5,2\n");
  CHECK(std::get<ValuesTruth>(
            convert({{"converter", "csv"}, {"annotation_file", "numbers.csv"}}, folder).samples.at(0).truth)
            .values == std::vector<double>{1.5, 2});
  folder.write("broken.csv", "id,label\na.jpg\n");
  CHECK_THROWS_WITH(convert({{"converter", "csv"}, {"annotation_file", "broken.csv"}}, folder),
                    Contains("broken.csv:2"));

  std::filesystem::create_directories(folder / "classes/cat");
  std::filesystem::create_directories(folder / "classes/ant");
  folder.write("classes/cat/x.ppm", "");
  const AnnotationSet classes = convert({{"converter", "class_folders"}, {"data_dir", "classes"}}, folder);
  CHECK(classes.samples.at(0).ids[0] == "cat/x.ppm");
  CHECK(std::get<ClassTruth>(classes.samples[0].truth).label == 1);

  folder.write("ratings.txt", "0 10 5\n1 11 5\n");
  folder.write("negatives.txt", "20 21\n22\n");
  const AnnotationSet ncf = convert(
      {{"converter", "ncf"}, {"rating_file", "ratings.txt"}, {"negative_file", "negatives.txt"}}, folder);
  REQUIRE(ncf.samples.size() == 5);
  CHECK(ncf.samples[4].ids == std::vector<std::string>{"u:1", "i:22"});
  CHECK_FALSE(std::get<ItemTruth>(ncf.samples[4].truth).positive);
}

TEST_CASE("parts of a dataset", "[annotation]") {
  AnnotationSet set;
  for (int i = 0; i < 50; ++i) set.samples.push_back({{std::to_string(i)}, ClassTruth{i}});
  const auto part = [&](const std::string& size, std::uint64_t seed) {
    AnnotationSet copy = set;
    take_subset(copy, size, seed);
    std::vector<std::int64_t> labels;
    for (const Annotation& a : copy.samples) labels.push_back(std::get<ClassTruth>(a.truth).label);
    return labels;
  };
  CHECK(part("10", 1).size() == 10);
  CHECK(part("10", 1) == part("10", 1));
  CHECK(part("10", 1) != part("10", 2));
  const auto share = part("20%", 3);
  CHECK(std::is_sorted(share.begin(), share.end()));
  CHECK(share.size() == 10);
  CHECK(part("99", 1).size() == 50);
  for (const char* wrong : {"0", "-1", "1.5", "120%", "x"}) CHECK_THROWS_AS(part(wrong, 1), UsageError);
}

TEST_CASE("a pickle is refused with the command that makes the JSON", "[configuration]") {
  const TemporaryFolder folder;
  DatasetConfig dataset;
  dataset.annotation = "voc07.pickle";
  CHECK_THROWS_WITH(load_annotations(dataset, {}), Contains("convert-annotation CONVERTER"));
  dataset.annotation = folder.write("voc07.pickle", "\x80\x03");
  CHECK_THROWS_WITH(load_annotations(dataset, {}), Contains("convert-annotation CONVERTER"));
  dataset.conversion = map_node({{"converter", "voc_detection"}, {"imageset_file", "test.txt"}});
  CHECK_THROWS_WITH(
      load_annotations(dataset, {}),
      Contains("refcalib convert-annotation voc_detection --imageset_file test.txt -a voc07.json"));
  // JSON is read under any name.
  AnnotationSet set;
  set.add({"a.png"}, ClassTruth{3});
  write_annotations(dataset.annotation, set);
  CHECK(load_annotations(dataset, {}).samples.size() == 1);
}

TEST_CASE("predictions are read as they were written", "[configuration]") {
  const TemporaryFolder folder;
  AnnotationSet set;
  for (const char* name : {"a", "b", "c"}) set.samples.push_back({{name}, ClassTruth{}});
  std::vector<std::optional<StoredPrediction>> predictions(3);
  SampleGeometry geometry;
  geometry.width = 5;
  geometry.scale_x = 0.1;
  predictions[0] = StoredPrediction{ClassPrediction{{0.1F, 1e-30F}}, geometry};
  predictions[2] = StoredPrediction{BoxPrediction{{{0.1, 0.2, 0.3, 0.4}}, {7}, {0.3F}}, geometry};
  write_predictions(folder / "p.json", set, predictions);
  const auto back = read_predictions(folder / "p.json", set);
  REQUIRE(back.size() == 3);
  CHECK(std::get<ClassPrediction>(back[0]->prediction).scores == std::vector<float>{0.1F, 1e-30F});
  CHECK_FALSE(back[1].has_value());
  CHECK(std::get<BoxPrediction>(back[2]->prediction).boxes[0].x2 == 0.3);
  CHECK(back[0]->geometry.scale_x == 0.1);
  set.samples[1].ids = {"x"};
  CHECK_THROWS_WITH(read_predictions(folder / "p.json", set), Contains("other samples"));
}

TEST_CASE("paired differences of two models", "[metrics]") {
  const auto metric = [](const std::vector<bool>& right) {
    auto made = refcalib_test::metric_of({{"type", "accuracy"}});
    std::vector<refcalib_test::Sample> samples;
    for (const bool r : right) samples.push_back({ClassTruth{r ? 1 : 0}, ClassPrediction{{0, 1}}});
    refcalib_test::show(*made, samples);
    return made;
  };
  std::vector<bool> first(100, true), second(100, true);
  for (std::size_t i = 0; i < 10; ++i) second[i] = false;
  first[20] = false;
  const PairedDifference d = paired_difference(*metric(first), *metric(second), 100);
  CHECK(d.difference == Approx(-0.09));
  CHECK(d.better == 1);
  CHECK(d.worse == 10);
  CHECK(d.low < -0.09);
  CHECK(d.high < 0);
  const PairedDifference same = paired_difference(*metric(first), *metric(first), 100);
  CHECK(same.difference == 0);
  CHECK(same.low < 0);  // no difference seen is not no difference
  CHECK(same.high > 0);
  const auto [low, high] = bootstrap_interval(*metric(second), 100);
  CHECK(low < 0.9);
  CHECK(high > 0.9);
}
