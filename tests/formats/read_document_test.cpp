#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"
#include "tests/formats/samples.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

TEST_CASE("a legacy document is read as its file states it", "[document]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  CHECK(d.version == 6);
  CHECK(d.legacy());
  CHECK(d.batch == "1");
  REQUIRE(d.layers.size() == 5);
  const ir::Layer& c1 = d.layers[1];
  CHECK(c1.name == "c1");
  CHECK(*c1.attribute("kernel") == "3,3");
  CHECK(c1.attribute("no such") == nullptr);
  REQUIRE(c1.blobs.size() == 2);
  CHECK(c1.blobs[1].name == "biases");
  CHECK(d.bytes(c1.blobs[1], "c1").size() == 16);
  CHECK(d.edges.size() == 4);
  CHECK(d.raw == R"(<meta_data><MO_version value="x &amp; y"/></meta_data>)");
  CHECK(d.weights.size() == 456);
}

TEST_CASE("the weights file replaces a trailing .xml only", "[document]") {
  CHECK(ir::weights_path_of("a/net.v1.xml") == "a/net.v1.bin");
  CHECK(ir::weights_path_of("a.xml/net.xml") == "a.xml/net.bin");
  CHECK(ir::weights_path_of("net.model") == "net.model.bin");
  CHECK(ir::weights_path_of("net.XML") == "net.XML.bin");
}

TEST_CASE("weights lie beside the path as given, links unresolved", "[document]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const TemporaryFolder other;
  const auto link = other.path() / "link.xml";
  std::filesystem::create_symlink(model.xml, link);
  CHECK_THROWS_AS(ir::read_document(link), IoError);
  CHECK_THROWS_WITH(ir::read_document(link), Contains("link.bin") && Contains("-w FILE"));
  write_file(other.path() / "link.bin", legacy_weights());
  CHECK(ir::read_document(link).weights.size() == 456);
}

TEST_CASE("weights can be named", "[document]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const auto elsewhere = model.folder.path() / "weights of another name";
  std::filesystem::rename(model.folder.path() / "net.v1.bin", elsewhere);
  CHECK_THROWS_AS(load_model(model.xml), IoError);
  const Model loaded = load_model(model.xml, elsewhere);
  CHECK(loaded.document.bin_path == elsewhere);
  CHECK(loaded.graph.outputs.size() == 1);
}

TEST_CASE("a model without weights needs no weights file", "[document]") {
  const TemporaryFolder folder;
  const std::string text =
      "<net name='n' version='10'><layers><layer id='0' name='x' type='Parameter' version='opset1'>"
      "<data shape='1,2' element_type='f32'/><output>" +
      port(0, {1, 2}) +
      "</output></layer>"
      "<layer id='1' name='y' type='ReLU' version='opset1'><input>" +
      port(0, {1, 2}) + "</input><output>" + port(1, {1, 2}) +
      "</output></layer>"
      "<layer id='2' name='r' type='Result' version='opset1'><input>" +
      port(0, {1, 2}) + "</input></layer></layers><edges>" + edge(0, 0, 1, 0) + edge(1, 1, 2, 0) +
      "</edges></net>";
  write_file(folder.path() / "m.xml", text);
  CHECK(ir::read_graph(folder.path() / "m.xml").order().size() == 1);
}

TEST_CASE("the graph outlives the document and the files", "[document]") {
  Graph graph;
  {
    const StoredModel model(legacy_sample(), legacy_weights());
    graph = ir::read_graph(model.xml);
  }
  const Value& weights = graph.value(graph.find_value("c1/weights"));
  CHECK(weights.constant.to_floats() == ramp(108));
}

TEST_CASE("Document::bytes reaches appended bytes and nothing else", "[document]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  ir::Document d = ir::read_document(model.xml);
  const std::vector<std::byte> more = {std::byte{1}, std::byte{2}, std::byte{3}};
  const ir::Blob blob = d.append("extra", more);
  CHECK(blob.offset == 456);
  CHECK(d.bytes(blob, "x")[2] == std::byte{3});
  CHECK_THROWS_AS(d.bytes({"b", 455, 2, ""}, "x"), FormatError);
  CHECK_THROWS_AS(d.bytes({"b", 458, 2, ""}, "x"), FormatError);
  CHECK_THROWS_AS(d.bytes({"b", ~std::uint64_t{0}, 2, ""}, "x"), FormatError);
  CHECK_THROWS_AS(d.bytes({"b", 1, ~std::uint64_t{0}, ""}, "x"), FormatError);
}
