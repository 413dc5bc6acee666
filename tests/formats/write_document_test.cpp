#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/graph/print.h"
#include "tests/formats/samples.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

/// Lets files of this process grow to `bytes` only, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_ = {};
  void (*handler_)(int) = SIG_DFL;
};

}  // namespace

TEST_CASE("an unchanged model comes back as it was", "[writer]") {
  const auto [text, weights] =
      GENERATE(std::pair(legacy_sample(), legacy_weights()), std::pair(opset_sample(), opset_weights()));
  const StoredModel model(text, weights);
  const ir::Document d = ir::read_document(model.xml);
  const auto copy = model.folder.path() / "copy.xml";
  ir::write_document(d, copy);
  const ir::Document e = ir::read_document(copy);
  CHECK((to_text(ir::to_graph(e)) == to_text(ir::to_graph(d))));
  CHECK(read_file(model.folder.path() / "copy.bin") == weights);
  CHECK(e.raw == d.raw);
  REQUIRE(e.layers.size() == d.layers.size());
  for (std::size_t i = 0; i < d.layers.size(); ++i) {
    CHECK(e.layers[i].attributes == d.layers[i].attributes);
    CHECK(e.layers[i].raw == d.layers[i].raw);
  }
  // Writing is deterministic, and a second round changes nothing.
  const auto again = model.folder.path() / "again.xml";
  ir::write_document(e, again);
  CHECK(read_file(again) == read_file(copy));
}

TEST_CASE("elements and attributes of others survive", "[writer]") {
  std::string text = replaced(legacy_sample(), "<net batch", "<net origin=\"a&lt;b\" batch");
  text = replaced(text, "type=\"ReLU\">",
                  "type=\"ReLU\" mark=\"7\"><custom deep=\"1\"><inner>t &amp; u</inner></custom>");
  text =
      replaced(text, "</layers>",
               "</layers><pre-process reference-layer-name=\"data\"><channel id=\"0\"><mean value=\"104.1\"/>"
               "</channel><channel id=\"1\"><mean value=\"0.1\"/><scale value=\"0.3\"/></channel>"
               "<channel id=\"2\"><mean value=\"3\"/></channel></pre-process>");
  const StoredModel model(text, legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  const auto copy = model.folder.path() / "copy.xml";
  ir::write_document(d, copy);
  const std::string written = read_file(copy);
  CHECK_THAT(written, Contains("origin=\"a&lt;b\""));
  CHECK_THAT(written, Contains("mark=\"7\""));
  CHECK_THAT(written, Contains("<inner>t &amp; u</inner>"));
  CHECK((to_text(ir::read_graph(copy)) == to_text(ir::to_graph(d))));
}

TEST_CASE("v2 files keep their form", "[writer]") {
  std::string text = replaced(legacy_sample(), "version=\"6\"", "version=\"2\" precision=\"FP32\"");
  text = replaced(text,
                  "<blobs><weights offset=\"0\" size=\"432\"/><biases offset=\"432\" size=\"16\"/></blobs>",
                  "<weights offset=\"0\" size=\"432\"/><biases offset=\"432\" size=\"16\"/>");
  text = replaced(text,
                  "<data dilations=\"1,1\" group=\"1\" kernel=\"3,3\" output=\"4\" pads_begin=\"1,1\" "
                  "pads_end=\"1,1\" strides=\"2,2\"/>",
                  "<convolution_data kernel-x=\"3\" kernel-y=\"3\" output=\"4\" pad-x=\"1\" pad-y=\"1\" "
                  "stride-x=\"2\" stride-y=\"2\"/>");
  const StoredModel model(text, legacy_weights());
  const auto copy = model.folder.path() / "copy.xml";
  ir::write_document(ir::read_document(model.xml), copy);
  CHECK_THAT(read_file(copy), Contains("<convolution_data kernel-x=\"3\"") && !Contains("<blobs><weights"));
  CHECK((to_text(ir::read_graph(copy)) == to_text(ir::read_graph(model.xml))));
}

TEST_CASE("a model can be written over itself", "[writer]") {
  const StoredModel model(opset_sample(), opset_weights());
  const std::string before = to_text(ir::read_graph(model.xml));
  ir::write_document(ir::read_document(model.xml), model.xml);
  CHECK((to_text(ir::read_graph(model.xml)) == before));
  CHECK(file_names(model.folder.path()) == std::vector<std::string>{"net.v1.bin", "net.v1.xml"});
}

TEST_CASE("a full disk leaves earlier files untouched and nothing behind", "[writer]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  const auto target = model.folder.path() / "out.xml";
  write_file(target, "earlier description");
  write_file(model.folder.path() / "out.bin", "earlier weights");
  // First the weights do not fit, then only the description.
  for (const rlim_t limit : {rlim_t{100}, rlim_t{1000}}) {
    {
      const FileSizeLimit full(limit);
      CHECK_THROWS_AS(ir::write_document(d, target), IoError);
      CHECK_THROWS_WITH(ir::write_document(d, target), Contains("out.") && Contains("cannot write the file"));
    }
    CHECK(read_file(target) == "earlier description");
    CHECK(read_file(model.folder.path() / "out.bin") == "earlier weights");
    CHECK(file_names(model.folder.path()) ==
          std::vector<std::string>{"net.v1.bin", "net.v1.xml", "out.bin", "out.xml"});
  }
}

TEST_CASE("targets that cannot be written are named", "[writer]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  CHECK_THROWS_AS(ir::write_document(d, "/dev/full"), IoError);
  CHECK_THROWS_WITH(ir::write_document(d, "/dev/full"),
                    Contains("/dev/full") && Contains("not a regular file"));
  CHECK_FALSE(std::filesystem::exists("/dev/full.bin"));
  const auto missing = model.folder.path() / "no such folder" / "out.xml";
  CHECK_THROWS_WITH(ir::write_document(d, missing), Contains("no such folder") && Contains("output folder"));
  const auto folder = model.folder.path() / "folder.xml";
  std::filesystem::create_directory(folder);
  CHECK_THROWS_WITH(ir::write_document(d, folder), Contains("not a regular file"));
  CHECK(file_names(model.folder.path()) ==
        std::vector<std::string>{"folder.xml", "net.v1.bin", "net.v1.xml"});
}

TEST_CASE("a folder without write permission is refused", "[writer]") {
  if (::geteuid() == 0) {
    WARN("skipped: the superuser may write everywhere");
    return;
  }
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  ::chmod(model.folder.path().c_str(), 0500);
  CHECK_THROWS_WITH(ir::write_document(d, model.folder.path() / "out.xml"), Contains("Permission denied"));
  ::chmod(model.folder.path().c_str(), 0700);
}
