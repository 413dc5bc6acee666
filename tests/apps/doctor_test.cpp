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

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// The right configuration of a network and the lines of it that the cases change.
struct Network {
  std::string name, config, colour, wrong_colour, normalization, wrong_mean;
};

std::vector<Network> networks() {
  const std::string folder = std::string(REFCALIB_SOURCE_DIR) + "/examples/configs/";
  const std::string both = content_of(folder + "imagenet_classification.yml");
  const std::size_t second = both.find("  - name: squeezenet1.1");
  REQUIRE(second != std::string::npos);
  const std::string rgb = "          - type: bgr_to_rgb\n", first_step = "        preprocessing:\n";
  const auto normalization = [](const std::string& fields) {
    return "          - type: normalization\n            " + fields + "\n";
  };
  return {{"mobilenet_v2", both.substr(0, second), rgb, "",
           normalization("mean: 127.5\n            std: 127.5"), normalization("std: 127.5")},
          {"squeezenet", "models:\n" + both.substr(second), first_step, first_step + rgb,
           normalization("mean: 104, 117, 123"), normalization("mean: 0")},
          {"yolo_fastest", content_of(folder + "yolo_fastest_coco.yml"), rgb, "", normalization("std: 255"),
           normalization("mean: 127.5\n            std: 255")}};
}

}  // namespace

TEST_CASE(
    "the doctor finds a swapped colour order, a doubled normalization and a wrong mean, and nothing else",
    "[long]") {
  const std::string shared = shared_folder();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models and data (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  const TemporaryFolder folder;
  for (const Network& network : networks()) {
    const std::string& n = network.normalization;
    struct Case {
      const char* what;
      std::string config;
      int exit_code;
    };
    for (const Case& c :
         std::vector<Case>{{"right", network.config, 0},
                           {"colour", replaced(network.config, network.colour, network.wrong_colour), 4},
                           {"doubled", replaced(network.config, n, n + n), 4},
                           {"mean", replaced(network.config, n, network.wrong_mean), 4}}) {
      const auto file = folder.write(network.name + "_" + c.what + ".yml", c.config);
      const Outcome outcome = run_program({"doctor", file.string(), "-m", shared + "/models", "-s",
                                           shared + "/data", "-a", shared + "/data", "--progress", "none"});
      INFO(network.name << ", " << c.what << "\n" << outcome.out << outcome.err);
      CHECK(outcome.exit_code == c.exit_code);
      const bool warned = outcome.err.find("clearly better") != std::string::npos ||
                          outcome.err.find("applied twice") != std::string::npos;
      CHECK(warned == (c.exit_code == 4));
    }
  }
}
