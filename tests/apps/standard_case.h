#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"

namespace refcalib_test {

/// Standard mode on the embedded example.
class StandardCase {
 public:
  StandardCase() {
    config_ = folder_.write(
        "shapes.yml",
        "models:\n"
        "  - name: shapes\n"
        "    launchers:\n"
        "      - {framework: dlsdk, device: CPU, model: shapes_v7.xml, adapter: classification}\n"
        "    datasets:\n"
        "      - name: data\n"
        "        data_source: heldout\n"
        "        annotation_conversion: {converter: imagenet, annotation_file: heldout.txt}\n"
        "        metrics:\n"
        "          - {type: accuracy, name: top1}\n"
        "          - {type: accuracy, name: top5, top_k: 5}\n");
  }

  const TemporaryFolder& folder() const noexcept { return folder_; }
  std::string config() const { return config_.string(); }
  static std::string models() {
    return std::filesystem::path(example("shapes_v7.xml")).parent_path().string();
  }

  /// The command line that calibrates into the folder `name`.
  std::vector<std::string> command(const std::string& name, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{
        "calibrate", "-c",  config(), "-m", models(), "-s", models(), "-o", (folder_ / name).string(),
        "-mn",       "top1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  /// Options with which INT8 starts far from the threshold.
  static std::vector<std::string> hopeless(std::vector<std::string> more = {}) {
    std::vector<std::string> all{"--method", "percentile:90", "--weights",  "per-tensor",
                                 "-th",      "1.0",           "--progress", "print:1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// Both files of the calibrated model, one behind the other; empty if there are none.
  std::string written(const std::string& name) const {
    return content_of(folder_ / (name + "/shapes_v7_i8.xml")) +
           content_of(folder_ / (name + "/shapes_v7_i8.bin"));
  }
  /// Names of the files of a folder.
  std::vector<std::string> names(const std::string& name) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / name))
      found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  TemporaryFolder folder_;
  std::filesystem::path config_;
};

}  // namespace refcalib_test
