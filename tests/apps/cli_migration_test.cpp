#include <filesystem>

#include "tests/apps/standard_case.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

/// A configuration, definitions and annotations in the way of the 2019 READMEs.
class Workflow {
 public:
  Workflow() {
    folder_.write("shapes.yml",
                  "models:\n"
                  "  - name: shapes\n"
                  "    launchers:\n"
                  "      - framework: dlsdk\n"
                  "        tags: [FP32]\n"
                  "        model: shapes_v7.xml\n"
                  "        adapter: classification\n"
                  "      - framework: caffe\n"
                  "        model: shapes.prototxt\n"
                  "        weights: shapes.caffemodel\n"
                  "        adapter: classification\n"
                  "    datasets:\n"
                  "      - name: data\n");
    folder_.write("definitions.yml",
                  "launchers:\n"
                  "  - framework: dlsdk\n"
                  "    device: CPU\n"
                  "datasets:\n"
                  "  - name: data\n"
                  "    data_source: heldout\n"
                  "    annotation: shapes.pickle\n"
                  "    dataset_meta: shapes.json\n"
                  "    metrics:\n"
                  "      - type: accuracy\n"
                  "        top_k: 1\n");
    for (const char* name : {"annotations", "converted", "mo"}) fs::create_directory(folder_ / name);
  }

  std::string operator/(const std::string& name) const { return (folder_ / name).string(); }
  static std::string example_folder() { return StandardCase::models(); }

  /// What the READMEs give to every tool behind --config.
  Words with_common(Words words) const {
    const Words common{"--config",
                       *this / "shapes.yml",
                       "-d",
                       *this / "definitions.yml",
                       "-M",
                       *this / "mo",
                       "--models",
                       example_folder(),
                       "--source",
                       example_folder(),
                       "--annotations",
                       *this / "annotations"};
    words.insert(words.begin() + 1, common.begin(), common.end());
    return words;
  }
  Outcome run(const Words& words) const {
    const Outcome outcome = run_program(words);
    INFO(words.front() << ": " << outcome.out << outcome.err);
    CHECK(outcome.exit_code == 0);
    return outcome;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("the workflow of the 2019 READMEs with the names of the tools replaced", "[cli]") {
  const Workflow work;
  const std::string pictures = Workflow::example_folder() + "/heldout";
  work.run({"convert-annotation", "imagenet", "--annotation_file",
            Workflow::example_folder() + "/heldout.txt", "-ss", "100", "-o", work / "annotations", "-a",
            "shapes.pickle", "-m", "shapes.json"});
  work.run(
      work.with_common({"collect", "--converted_models", work / "converted", "-o", work / "statistics"}));
  CHECK(fs::exists(work / "statistics/shapes_v7_int8_statistics.xml"));
  const Outcome calibrated = work.run(work.with_common(
      {"calibrate", "--tf_custom_op_config_dir", work / "mo", "-o", work / "int8", "-th", "5"}));
  CHECK_THAT(calibrated.err, Contains("framework caffe is left out"));
  const Outcome checked = work.run(work.with_common(
      {"accuracy", "--tf_custom_op_config_dir", work / "mo", "-tf", "dlsdk", "-td", "CPU", "-tt", "FP32",
       "-C", work / "converted", "-e", work / "mo", "--progress", "print", "--progress_interval", "50"}));
  CHECK_THAT(checked.out, Contains("accuracy 9"));
  CHECK_THAT(checked.err, Contains("50 of 100"));

  const std::string model = work / "int8/shapes_v7_i8.xml";
  const Words quick{"-niter", "5"};
  for (Words words :
       {Words{"-m", model, "-i", pictures + "/000.png", "-d", "CPU", "-api", "sync"},
        Words{"-m", model, "-d", "CPU", "-api", "async", "-i", pictures + "/000.png", "--progress", "true"},
        Words{"-m", model, "-i", pictures, "-d", "CPU"},
        Words{"--path_to_model", model, "--path_to_input", pictures, "--target_device", "CPU", "--api_type",
              "async", "--batch_size", "2", "--number_streams", "2", "--number_threads", "2",
              "--infer_threads_pinning", "YES", "--perf_counts", "-stream_output"},
        Words{"-m",
              model,
              "-api",
              "async",
              "-nireq",
              "2",
              "-b",
              "2",
              "-nstreams",
              "2",
              "-nthreads",
              "2",
              "-pin",
              "NO",
              "-pc",
              "true",
              "-report_type",
              "no_counters",
              "-report_folder",
              work / "converted",
              "-exec_graph_path",
              "g.xml",
              "-l",
              "lib.so",
              "-c",
              "cldnn.xml"}}) {
    words.insert(words.begin(), "bench");
    words.insert(words.end(), quick.begin(), quick.end());
    CHECK_THAT(work.run(words).out, Contains("throughput"));
  }
}

TEST_CASE("the precision of floats in simplified mode", "[cli]") {
  const Workflow work;
  const std::string pictures = Workflow::example_folder() + "/calibration";
  for (const char* precision : {"FP32", "FP16"}) {
    const std::string out = work / precision;
    work.run({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s", pictures, "-ss", "10", "-e", "ext",
              "-td", "CPU", "-precision", precision, "--output-dir", out, "--no-measure"});
    CHECK_THAT(content_of(out + "/shapes_v7_i8.xml"),
               Contains("precision=\"" + std::string(precision)) && Contains("<statistics>"));
    const Outcome infer =
        work.run({"infer", "-m", out + "/shapes_v7_i8.xml", "-i", Workflow::example_folder() + "/heldout",
                  "--labels", example("heldout.txt")});
    CHECK_THAT(infer.out, Contains("top-1 9"));
  }
  CHECK(fs::file_size(work / "FP16/shapes_v7_i8.bin") <
        fs::file_size(work / "FP32/shapes_v7_i8.bin") * 2 / 3);
  const Outcome wrong = run_program({"calibrate", "-c", work / "shapes.yml", "-p", "FP16"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, Contains("simplified mode"));
}

TEST_CASE("every option of the Calibration Tool is taken, or refused by name", "[cli]") {
  const Workflow work;
  const std::string shapes = Workflow::example_folder();
  work.run({"convert-annotation", "imagenet", "--annotation_file", shapes + "/heldout.txt", "-ss", "40", "-o",
            work / "annotations", "-a", "shapes.json"});
  std::ofstream(work / "two.yml") << "models:\n"
                                     "  - name: shapes\n"
                                     "    launchers:\n"
                                     "      - framework: dlsdk\n"
                                     "        tags: [FP32]\n"
                                     "        model: shapes_v7.xml\n"
                                     "        adapter: classification\n"
                                     "    datasets:\n"
                                     "      - name: data\n"
                                     "        data_source: heldout\n"
                                     "        annotation: shapes.json\n"
                                     "        metrics:\n"
                                     "          - {type: accuracy, top_k: 1, name: top1}\n"
                                     "          - {type: accuracy, top_k: 2, name: top2}\n";
  std::ofstream(work / "names.txt") << "dw2\n";
  std::ofstream(work / "types.txt") << "FullyConnected\n";
  struct Case {
    Words words;
    int exit_code;
    std::string part;  ///< of what is printed
  };
  const std::vector<Case> cases{
      {{"--progress", "print:20", "-mn", "top2"}, 0, "FP32: top2"},
      {{"--progress", "None", "-mt", "accuracy"}, 2, "several metrics fit: top1 (accuracy), top2 (accuracy)"},
      {{"-mn", "top9"}, 2, "it has top1 (accuracy), top2 (accuracy)"},
      {{"-td", "CPU", "-tt", "FP32", "-p", "INT8", "-cfc"}, 0, "0 of 11 layers in FP32"},
      {{"-td", "GPU"}, 2, "the only device is CPU"},
      {{"-tt", "INT8"}, 1, "no launcher of the configuration"},
      {{"-p", "FP16"}, 2, "simplified mode"},
      {{"--ignore_layer_types", "Convolution"}, 0, "0 of 1 layer in FP32"},
      {{"--ignore-layer-types-path", work / "types.txt"}, 0, "0 of 10 layers in FP32"},
      {{"--ignore_layer_names", "dw2"}, 0, "0 of 10 layers in FP32"},
      {{"--ignore_layer_names_path", work / "names.txt"}, 0, "0 of 10 layers in FP32"},
      {{"--batch_size", "4", "--threshold", "3"}, 0, "threshold 3.000 points met"},
      {{"--threshold_step", "2.5", "--threshold_boundary", "95"}, 0, "the best of 4 methods"},
      {{"-thstep", "5", "-thboundary", "95"}, 0, "the best of 3 methods"},
      {{"-ic", "2"}, 0, ", latency "},
      {{"--benchmark_iterations_count", "0"}, 0, ", estimated time "},
      {{"-e", "x", "--cpu_extensions_mode", "avx2", "-M", "mo", "--tf_custom_op_config_dir", "t",
        "--tf_obj_detection_api_pipeline_config_path", "p", "-C", "c"},
       0,
       "--cpu-extensions-mode is ignored"}};
  for (const Case& c : cases) {
    Words words{"calibrate",          "-c", work / "two.yml", "-m",         shapes, "-s", shapes, "-a",
                work / "annotations", "-o", work / "out",     "--nthreads", "1"};
    words.insert(words.end(), c.words.begin(), c.words.end());
    const Outcome outcome = run_program(words);
    INFO(c.words.front() << ": " << outcome.out << outcome.err);
    CHECK(outcome.exit_code == c.exit_code);
    CHECK_THAT(outcome.out + outcome.err, Contains(c.part));
  }
}

TEST_CASE("data without labels: what the network says in FP32 is the truth", "[cli]") {
  const Workflow work;
  const auto config = work / "plain.yml";
  std::ofstream(config) << "models:\n"
                           "  - name: shapes\n"
                           "    launchers:\n"
                           "      - {framework: dlsdk, model: shapes_v7.xml, adapter: classification}\n"
                           "    datasets:\n"
                           "      - {name: pictures, data_source: heldout}\n";
  const auto command = [&](const std::string& name, const Words& more) {
    Words words{
        "calibrate", "-c",       config, "-m", Workflow::example_folder(), "-s", Workflow::example_folder(),
        "-o",        work / name};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  };
  const Outcome searched =
      command("out", {"--label-free", "--method", "percentile:90", "--weights", "per-tensor", "-th", "2"});
  INFO(searched.out << searched.err);
  REQUIRE(searched.exit_code == 0);
  for (const char* part : {"what the network says in FP32 of 300 samples", "FP32: agreement 100.000 %",
                           "looking for layers for FP32", "threshold 2.000 points met"})
    CHECK_THAT(searched.out, Contains(part));
  CHECK(fs::exists(work / "out/shapes_v7_i8.xml"));
  const Outcome labelled = command("no", {});
  CHECK(labelled.exit_code != 0);
  CHECK_THAT(labelled.err, Contains("neither 'annotation' nor 'annotation_conversion'"));
}
