#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

std::string shared_folder() {
  const char* const named = std::getenv("REFCALIB_SHARED_DIR");
  const std::string folder = named != nullptr && *named != '\0' ? named : REFCALIB_SHARED_DIR;
  return !folder.empty() && fs::is_directory(folder + "/models") ? folder : "";
}

/// The value behind "MODEL,DATASET,METRIC,," in a report in CSV.
double figure(const std::string& csv, const std::string& start) {
  const std::size_t at = csv.find(start + ",,");
  INFO(start << " in\n" << csv);
  REQUIRE(at != std::string::npos);
  return std::stod(csv.substr(at + start.size() + 2));
}

Outcome accuracy(const std::string& config, const std::string& models, const std::string& data,
                 const std::string& annotations) {
  const Outcome outcome =
      run_program({"accuracy", "-c", std::string(REFCALIB_SOURCE_DIR) + "/examples/configs/" + config, "-m",
                   models, "-s", data, "-a", annotations, "--format", "csv"});
  INFO(config << "\n" << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome;
}

}  // namespace

TEST_CASE("the configurations of examples/configs give the figures that are known of the networks",
          "[long]") {
  const std::string shared = shared_folder();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models and data (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  struct Case {
    const char* config;
    const char* row;
    double
        known;  ///< what models/README.md states; of MobileNetV2 and SqueezeNet, which it states of other pictures, as other engines see these
  };
  std::string last, csv;
  for (const Case& c :
       std::vector<Case>{{"imagenet_classification.yml", "mobilenet_v2,imagenet300_rgb,accuracy@top1", 90.33},
                         {"imagenet_classification.yml", "squeezenet1.1,imagenet300_bgr,accuracy@top1", 65},
                         {"cifar10_resnet8.yml", "resnet8,cifar10_1000,accuracy", 75},
                         {"keyword_spotting.yml", "dscnn_kws,kws1000,accuracy", 91.3},
                         {"yolo_fastest_coco.yml", "yolo_fastest,coco64,AP50", 39.6},
                         {"ultraface_wider.yml", "ultraface_rfb320,faces40,AP50", 99},
                         {"deeplabv3_masks.yml", "deeplabv3_mnv2,coco64_masks,mean_iou", 55.5}}) {
    if (last != c.config)
      csv = accuracy(last = c.config, shared + "/models", shared + "/data", shared + "/data").out;
    CHECK(std::fabs(figure(csv, c.row) - c.known) <= 1);
  }
}

TEST_CASE("MobileNet-SSD on annotations in VOC's format, drawn from COCO's", "[long]") {
  const std::string shared = shared_folder();
  const TemporaryFolder folder;
  const std::string out = folder.path().string(), sources = REFCALIB_SOURCE_DIR;
  // The system's own Python comes first: Debian's package of numpy belongs to it.
  const std::string interpreter = fs::exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  const auto python = [&](const std::string& script, const std::string& arguments) {
    return std::system((interpreter + " '" + script + "' " + arguments + " > /dev/null").c_str()) == 0;
  };
  if (shared.empty() || !python(shared + "/models/make_weights.py", "'" + out + "' mobilenet_ssd_voc")) {
    std::cout << "SKIPPED: no folder of models and data (set REFCALIB_SHARED_DIR), or no Python with numpy\n";
    return;
  }
  REQUIRE(python(sources + "/examples/configs/coco_to_voc.py",
                 "'" + shared + "/data/coco64/instances.json' '" + out + "'"));
  const Outcome made = run_program({"convert-annotation", "voc_detection", "--annotations_dir", "Annotations",
                                    "--imageset_file", "ImageSets/Main/test.txt", "-s", out, "-o", out, "-a",
                                    "coco64_voc.json"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  const std::string csv = accuracy("mobilenet_ssd_voc.yml", out, shared + "/data", out).out;
  // The weights are drawn by chance: that there is a figure is all that can be asked.
  const double map = figure(csv, "mobilenet-ssd,coco64_voc,map");
  CHECK((map >= 0 && map <= 100));
}
