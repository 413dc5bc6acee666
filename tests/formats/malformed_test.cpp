#include <cmath>
#include <cstring>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "tests/formats/samples.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

/// A sample with one text replaced by another, and what the error must say.
struct Case {
  const char* from;
  const char* to;
  std::vector<const char*> expected;
};

void check(const std::string& text, const std::string& weights, const std::vector<const char*>& expected) {
  const StoredModel model(text, weights);
  try {
    ir::read_graph(model.xml);
    FAIL_CHECK("no error");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK_THAT(message, Contains("net.v1"));
    CHECK(message.find('\n') == std::string::npos);
    for (const char* part : expected) CHECK_THAT(message, Contains(part));
  }
}

const std::vector<Case>& legacy_cases() {
  static const std::vector<Case> cases = {
      {"<net batch", "<graph batch", {"line 25", "not well-formed"}},
      {"</layers>", "", {"not well-formed"}},
      {"version=\"6\"", "version=\"1\"", {"IR version 1 is not supported", "2 to 7, 10 and 11"}},
      {"version=\"6\"", "version=\"8\"", {"IR version 8 is not supported"}},
      {"version=\"6\"", "version=\"6x\"", {"\"6x\" is not an integer"}},
      {"version=\"6\"", "", {"states no IR version"}},
      {"<layers>", "<layers/><old>", {"not well-formed"}},
      {"id=\"2\" name=\"r1\"", "id=\"1\" name=\"r1\"", {"layer 'r1'", "id 1 is used twice", "'c1'"}},
      {"name=\"r1\"", "name=\"c1\"", {"layer 'c1'", "same name"}},
      {"name=\"r1\"", "name=\"\"", {"empty name"}},
      {"name=\"r1\"", "nom=\"r1\"", {"no attribute 'name'"}},
      {"id=\"2\" name", "id=\"-2\" name", {"layer 'r1'", "out of range"}},
      {"id=\"2\" name", "id=\"2 2\" name", {"layer 'r1'", "not an integer"}},
      {"id=\"2\" name", "id=\"99999999999\" name", {"layer 'r1'", "out of range"}},
      {"type=\"ReLU\"", "", {"layer 'r1'", "no attribute 'type'"}},
      {"type=\"ReLU\"",
       "type=\"Wobble\"",
       {"unsupported layer types: Wobble (layer 2 'r1')", "convert the model"}},
      {"<dim>8</dim>", "<dim>-8</dim>", {"dimension -8"}},
      {"<dim>8</dim>", "<dim>0</dim>", {"dimension 0"}},
      {"<dim>8</dim>", "<dim>8a</dim>", {"\"8a\" is not an integer"}},
      {"<dim>8</dim>", "<dim>8000000000</dim>", {"dimension 8000000000"}},
      {"<dim>8</dim>", "<dim>2000000000</dim>", {"too large"}},
      {"<port id=\"1\"><dim>2</dim>",
       "<port id=\"0\"><dim>2</dim>",
       {"layer 'flat'", "port id 0 is used twice"}},
      {"from-layer=\"2\"", "from-layer=\"22\"", {"names layer 22, which does not exist"}},
      {"from-port=\"3\"", "from-port=\"4\"", {"layer 'c1'", "output port 4, which does not exist"}},
      {"to-layer=\"2\" to-port=\"0\"", "to-layer=\"2\" to-port=\"9\"", {"layer 'r1'", "input port 9"}},
      {"to-layer=\"4\" to-port=\"1\"", "to-layer=\"4\" to-port=\"0\"", {"layer 'flat'", "fed twice"}},
      {"to-port=\"1\"/>", "to-port=\"1.0\"/>", {"to-port", "not an integer"}},
      {"from-layer=\"0\" from-port=\"0\"",
       "from-layer=\"2\" from-port=\"1\"",
       {"layer 'c1'", "has the shape [1,3,8,8] but 'r1' gives [1,4,4,4]"}},
      {"size=\"432\"",
       "size=\"4320\"",
       {"layer 'c1'", "outside the weights file of 456 bytes", "belongs to this model"}},
      {"offset=\"432\"", "offset=\"18446744073709551615\"", {"layer 'c1'", "integer within range"}},
      {"offset=\"432\"", "offset=\"9223372036854775800\"", {"layer 'c1'", "outside the weights file"}},
      {"offset=\"432\"", "offset=\"-4\"", {"layer 'c1'", "negative"}},
      {"offset=\"432\" ", "", {"layer 'c1'", "no attribute 'offset'"}},
      {"size=\"16\"", "size=\"15\"", {"layer 'c1'", "no multiple of its element size 4"}},
      {"size=\"16\"", "size=\"12\"", {"layer 'c1'", "'biases' has 12 bytes", "needs 16"}},
      {"size=\"432\"", "size=\"428\"", {"layer 'c1'", "'weights' has 428 bytes", "[1,4,3,3,3]", "432"}},
      {"<weights offset=\"0\" size=\"432\"/>", "", {"layer 'c1'", "'weights' is missing"}},
      {"custom offset=\"448\" size=\"8\"", "custom offset=\"448\" size=\"4\"", {"layer 'shape'", "4 bytes"}},
      {"kernel=\"3,3\"", "kernel=\"3,3,3\"", {"layer 'c1'", "'kernel' has 3 values for 2"}},
      {"kernel=\"3,3\"", "kernel=\"0,3\"", {"layer 'c1'", "kernel size 0"}},
      {"kernel=\"3,3\"", "", {"layer 'c1'", "'kernel' is missing"}},
      {"strides=\"2,2\"", "strides=\"0,2\"", {"layer 'c1'", "stride 0"}},
      {"strides=\"2,2\"",
       "strides=\"1,1\"",
       {"layer 'c1'", "declares the shape [1,4,4,4] but the layer gives [1,4,8,8]"}},
      {"pads_begin=\"1,1\"",
       "pads_begin=\"-5,1\"",
       {"layer 'c1'", "declares the shape [1,4,4,4] but the layer gives [1,4,1,4]"}},
      {"group=\"1\"", "group=\"2\"", {"layer 'c1'", "3 input channels", "2 groups"}},
      {"group=\"1\"", "group=\"0\"", {"layer 'c1'", "'group' \"0\""}},
      {"output=\"4\"", "output=\"four\"", {"layer 'c1'", "'output' \"four\" is not an integer"}},
      {"kernel=\"3,3\"", "kernel=\"3,3\" auto_pad=\"sideways\"", {"layer 'c1'", "'sideways'"}},
      {"precision=\"I32\"", "precision=\"Q78\"", {"layer 'shape'", "element type 'Q78'"}},
      {"type=\"Input\"", "type=\"Const\"", {"layer 'data'", "no blob"}},
  };
  return cases;
}

const std::vector<Case>& opset_cases() {
  static const std::vector<Case> cases = {
      {"version=\"11\"", "version=\"12\"", {"IR version 12 is not supported"}},
      {"type=\"Add\" version=\"opset1\"",
       "type=\"Add\" version=\"extension\"",
       {"Add-extension (layer 5 'b1')"}},
      {"type=\"Add\" version=\"opset1\"", "type=\"Add\"", {"unsupported layer types: Add (layer 5 '"}},
      {"shape=\"1,3,8,8\" ", "shape=\"?,3,8,8\" ", {"layer 'x'", "dynamic shape [?,3,8,8]", "-shape"}},
      {"shape=\"1,3,8,8\" ", "shape=\"-1,3,8,8\" ", {"dynamic shape", "-shape"}},
      {"shape=\"1,3,8,8\" ", "shape=\"1..4,3,8,8\" ", {"dynamic shape", "-shape"}},
      {"shape=\"1,3,8,8\" ", "shape=\"...\" ", {"dynamic shape", "-shape"}},
      {"shape=\"1,3,8,8\" ", "shape=\"1,3,8,eight\" ", {"layer 'x'", "not a list of dimensions"}},
      {"shape=\"1,3,8,8\" ", "shape=\"1,0,8,8\" ", {"layer 'x'", "empty dimension"}},
      {"shape=\"1,3,8,8\" ", "shape=\"99999999,99999999,8,8\" ", {"layer 'x'", "too large"}},
      {"shape=\"1,3,8,8\" ", "shape=\"1,5,8,8\" ", {"layer 'c1'"}},
      {"element_type=\"f16\"", "element_type=\"nf4\"", {"layer 'w_compressed'", "'nf4' is not supported"}},
      {"element_type=\"f16\"", "element_type=\"f32\"", {"layer 'w_compressed'", "216 bytes", "needs 432"}},
      {"offset=\"232\" size=\"144\"",
       "offset=\"300\" size=\"144\"",
       {"layer 'gw'", "outside the weights file"}},
      {"offset=\"232\" size=\"144\"", "size=\"144\"", {"layer 'gw'", "no attribute 'offset'"}},
      {"offset=\"232\" size=\"144\"", "offset=\"232\" size=\"-1\"", {"layer 'gw'", "negative"}},
      {"<edge from-layer=\"4\" from-port=\"0\" to-layer=\"5\" to-port=\"1\"/>",
       "",
       {"layer 'b1'", "no edge feeds"}},
      {"from-layer=\"4\" from-port=\"0\"", "from-layer=\"7\" from-port=\"2\"", {"cycle", "'b1'", "'g1'"}},
      {"destination_type=\"f32\"", "", {"layer 'w'", "'destination_type' is missing"}},
      {"auto_broadcast=\"numpy\"", "auto_broadcast=\"none\"", {"layer 'b1'", "differ"}},
      {"auto_broadcast=\"numpy\"", "auto_broadcast=\"other\"", {"layer 'b1'", "other"}},
      {"strides=\"2, 2\"", "strides=\"2, 2, 2\"", {"layer 'c1'", "'strides' has 3 values"}},
      {"shape=\"4,1,1,3,3\"", "shape=\"36\"", {"layer 'g1'", "weights have the shape [36]"}},
  };
  return cases;
}

}  // namespace

TEST_CASE("malformed legacy files are refused in one line", "[malformed]") {
  for (const Case& c : legacy_cases()) {
    CAPTURE(c.from, c.to);
    check(replaced(legacy_sample(), c.from, c.to), legacy_weights(), c.expected);
  }
}

TEST_CASE("malformed v11 files are refused in one line", "[malformed]") {
  for (const Case& c : opset_cases()) {
    CAPTURE(c.from, c.to);
    check(replaced(opset_sample(), c.from, c.to), opset_weights(), c.expected);
  }
}

TEST_CASE("files that are no models are refused", "[malformed]") {
  check("", "", {"not well-formed"});
  check("not XML at all", "", {"not well-formed"});
  check("<html/>", "", {"root element is <html>", "not an IR model"});
  check("<net version=\"10\"/>", "", {"no <layers>"});
  check("<net version=\"10\"><layers/></net>", "", {"<layers> is empty"});
  const std::string lonely =
      "<net version=\"10\"><layers><layer id=\"0\" name=\"x\" type=\"Parameter\" version=\"opset1\">"
      "<data shape=\"1\" element_type=\"f32\"/><output>" +
      port(0, {1}) + "</output></layer></layers></net>";
  check(lonely, "", {"no outputs"});
  std::string deep = "<net version=\"6\">";
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  check(deep, "", {"not well-formed"});
}

TEST_CASE("all unknown types are listed at once, with ids and names", "[malformed]") {
  std::string text = replaced(legacy_sample(), "type=\"ReLU\"", "type=\"Foo\"");
  text = replaced(text, "type=\"Convolution\"", "type=\"Foo\"");
  text = replaced(text, "type=\"Reshape\"", "type=\"Bar\"");
  check(text, legacy_weights(), {"unsupported layer types: Bar (layer 4 '", "Foo (layers 1 'c1', 2 'r1')"});
  const StoredModel model(text, legacy_weights());
  CHECK_THROWS_AS(ir::read_graph(model.xml), UnsupportedError);
}

TEST_CASE("missing, empty and unreadable files are refused", "[malformed]") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(ir::read_document(folder.path() / "none.xml"), IoError);
  CHECK_THROWS_WITH(ir::read_document(folder.path() / "none.xml"),
                    Contains("none.xml") && Contains("No such file"));
  CHECK_THROWS_WITH(ir::read_document(folder.path()), Contains("directory"));
  CHECK_THROWS_WITH(ir::read_document("/dev/null"), Contains("not a regular file"));
  check(legacy_sample(), "", {"outside the weights file of 0 bytes"});
  check(legacy_sample(), legacy_weights().substr(0, 400), {"layer 'c1'", "weights file of 400 bytes"});
}

TEST_CASE("weights that are not finite are refused", "[malformed]") {
  std::string weights = legacy_weights();
  const float infinity = HUGE_VALF;
  std::memcpy(weights.data() + 40, &infinity, sizeof infinity);
  check(legacy_sample(), weights, {"layer 'c1'", "'weights' holds values that are not finite"});
  weights = legacy_weights();
  const float nan = std::nanf("");
  std::memcpy(weights.data() + 436, &nan, sizeof nan);
  check(legacy_sample(), weights, {"layer 'c1'", "'biases' holds values that are not finite"});
  weights = opset_weights();
  weights[1] = 0x7c;  // 0x7c00: infinity
  weights[0] = 0;
  check(opset_sample(), weights, {"layer 'c1'", "not finite"});
  weights = opset_weights();
  std::memcpy(weights.data() + 216, &nan, sizeof nan);
  check(opset_sample(), weights, {"layer 'b1'", "not finite"});
}

TEST_CASE("a cycle is reported in the order of its edges", "[malformed]") {
  std::string text = replaced(legacy_sample(), "<dim>3</dim><dim>8</dim><dim>8</dim>",
                              "<dim>4</dim><dim>4</dim><dim>4</dim>");
  text = replaced(text, edge(0, 0, 1, 0), edge(2, 1, 1, 0));
  check(text, legacy_weights(), {"cycle: 'c1' -> 'r1' -> 'c1'"});
}
