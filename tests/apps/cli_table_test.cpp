#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Outcome run(const std::vector<std::string>& arguments, int exit_code = 0) {
  Outcome outcome = run_program(arguments);
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  return outcome;
}

}  // namespace

TEST_CASE("tables leave a calibrated model, come back into the model in float, and are compared", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v11.xml"), int8 = folder / "int8.xml";
  run({"calibrate", "-sm", "-m", model, "-s", example("calibration"), "-ss", "20", "-o", int8,
       "--no-measure"});
  for (const std::string format : {"ncnn", "tensorrt", "tpu-mlir", "bmnet", "aimet", "refcalib"}) {
    INFO(format);
    const std::string table = folder / format, back = folder / (format + ".xml");
    CHECK_THAT(run({"table", "export", "-m", int8, "--format", format, "-o", table}).out,
               Contains("written: " + table));
    CHECK_THAT(run({"table", "import", "-m", model, "-t", table, "-o", back}).out, Contains("layers: "));
    const Outcome answers =
        run({"infer", "-m", back, "-i", example("heldout"), "--labels", example("heldout.txt")});
    CHECK_THAT(answers.out, Contains("top-1 9"));
  }
  const std::string by_option = folder / "option.xml";
  CHECK_THAT(run({"calibrate", "-sm", "-m", model, "--table", folder / "refcalib", "-o", by_option}).out,
             Contains("calibrated with the limits of"));
  CHECK(content(by_option) == content(folder / "refcalib.xml"));

  const Outcome names = run({"table", "diff", folder / "tensorrt", folder / "aimet"});
  CHECK_THAT(names.out, Contains("A / B") && Contains("0 only in A"));
  const Outcome costs = run({"table", "diff", folder / "tensorrt", folder / "ncnn", "-m", model, "-s",
                             example("calibration"), "-ss", "4", "--report", folder / "rows.csv"});
  CHECK_THAT(costs.out, Contains("SQNR A"));
  CHECK_THAT(content(folder / "rows.csv"), Contains("value,low A,high A"));
  const std::string cache = folder / "cache";
  run({"table", "export", "-m", model, "-t", folder / "ncnn", "--format", "tensorrt", "-o", cache});
  CHECK_THAT(content(cache), Contains("TRT-"));
}

TEST_CASE("wrong uses of tables are errors of one line", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v11.xml"), other = folder / "other";
  std::ofstream(other) << "TRT-7000-EntropyCalibration2\nimages: 3c008912\n";
  CHECK_THAT(run({"table", "export", "-m", model, "--format", "ncnn", "-o", folder / "x"}, 2).err,
             Contains("not calibrated"));
  CHECK_THAT(run({"table", "export", "-m", model, "--format", "caffe", "-o", folder / "x"}, 2).err,
             Contains("known: "));
  CHECK_THAT(run({"table", "import", "-m", model, "-t", other, "-o", folder / "x.xml"}, 2).err,
             Contains("first name is 'images'") && Contains("other: "));
  CHECK(content(folder / "x.xml").empty());
  CHECK_THAT(run({"table", "diff", other, other, "-s", example("calibration")}, 2).err, Contains("-m"));
  CHECK_THAT(
      run({"calibrate", "-sm", "-m", model, "--table", folder / "none", "-o", folder / "x.xml"}, 1).err,
      Contains("cannot open the table"));
}

TEST_CASE("a sweep turns INT8 on layer by layer", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v11.xml"), csv = folder / "rows.csv", json = folder / "rows.json";
  const Outcome outcome = run({"sweep", "-m", model, "-s", example("heldout"), "-ss", "12", "--labels",
                               example("heldout.txt"), "--report", csv, "--report", json});
  CHECK_THAT(outcome.out, Contains("up to here cosine") && Contains("all 11 layers in INT8: cosine 0.9") &&
                              Contains("FP32: top-1"));
  const std::string rows = content(csv);
  CHECK(std::count(rows.begin(), rows.end(), '\n') == 12);
  CHECK_THAT(content(json), Contains("\"up_to_here\"") && Contains("\"float_top1_percent\""));
  CHECK_THAT(run({"sweep", "-m", model}, 2).err, Contains("no data"));
  CHECK_THAT(run({"sweep", "-m", model, "-s", example("heldout"), "--report", "x.txt"}, 2).err,
             Contains(".json or .csv"));
  CHECK_THAT(run({"sweep", "-m", model, "-q", model, "-s", example("heldout")}, 2).err,
             Contains("no layer runs in INT8"));
}
