#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/formats/files.h"

namespace refcalib_test {

inline std::string dims(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += "<dim>" + std::to_string(value) + "</dim>";
  return text;
}

inline std::string port(int id, std::initializer_list<int> values, const std::string& precision = {}) {
  const std::string attribute = precision.empty() ? "" : " precision=\"" + precision + "\"";
  return "<port id=\"" + std::to_string(id) + "\"" + attribute + ">" + dims(values) + "</port>";
}

inline std::string edge(int from, int from_port, int to, int to_port) {
  return "<edge from-layer=\"" + std::to_string(from) + "\" from-port=\"" + std::to_string(from_port) +
         "\" to-layer=\"" + std::to_string(to) + "\" to-port=\"" + std::to_string(to_port) + "\"/>";
}

/// v6: data [1,3,8,8] -> c1 convolution -> r1 ReLU -> flat Reshape [1,64]; weights 432 + 16 bytes, then two
/// I32.
inline std::string legacy_sample() {
  return R"(<?xml version="1.0" ?>
<net batch="1" name="tiny" version="6">
<layers>
<layer id="0" name="data" precision="FP32" type="Input">
  <output>)" +
         port(0, {1, 3, 8, 8}) + R"(</output>
</layer>
<layer id="1" name="c1" precision="FP32" type="Convolution">
  <data dilations="1,1" group="1" kernel="3,3" output="4" pads_begin="1,1" pads_end="1,1" strides="2,2"/>
  <input>)" +
         port(0, {1, 3, 8, 8}) + R"(</input><output>)" + port(3, {1, 4, 4, 4}) + R"(</output>
  <blobs><weights offset="0" size="432"/><biases offset="432" size="16"/></blobs>
</layer>
<layer id="2" name="r1" precision="FP32" type="ReLU">
  <input>)" +
         port(0, {1, 4, 4, 4}) + R"(</input><output>)" + port(1, {1, 4, 4, 4}) + R"(</output>
</layer>
<layer id="3" name="shape" precision="I32" type="Const">
  <output>)" +
         port(1, {2}) + R"(</output>
  <blobs><custom offset="448" size="8"/></blobs>
</layer>
<layer id="4" name="flat" precision="FP32" type="Reshape">
  <input>)" +
         port(0, {1, 4, 4, 4}) + port(1, {2}) + R"(</input><output>)" + port(2, {1, 64}) + R"(</output>
</layer>
</layers>
<edges>)" +
         edge(0, 0, 1, 0) + edge(1, 3, 2, 0) + edge(2, 1, 4, 0) + edge(3, 1, 4, 1) + R"(</edges>
<meta_data><MO_version value="x &amp; y"/></meta_data>
</net>
)";
}

inline std::string legacy_weights() {
  return Bytes().add(ramp(108)).add(ramp(4)).add(std::vector<std::int32_t>{0, -1}).text();
}

/// v11: x [1,3,8,8] -> c1 convolution (weights f16 -> Convert) -> b1 Add -> g1 depthwise -> Result. Weights:
/// 216 bytes of halves (zeros and ones), 16 bytes bias, 144 bytes depthwise.
inline std::string opset_sample() {
  return R"(<?xml version="1.0"?>
<net name="tiny" version="11">
<layers>
<layer id="0" name="x" type="Parameter" version="opset1">
  <data shape="1,3,8,8" element_type="f32"/>
  <output><port id="0" precision="FP32" names="x">)" +
         dims({1, 3, 8, 8}) + R"(<rt_info><attribute name="layout"/></rt_info></port></output>
</layer>
<layer id="1" name="w_compressed" type="Const" version="opset1">
  <data element_type="f16" shape="4, 3, 3, 3" offset="0" size="216"/><output>)" +
         port(0, {4, 3, 3, 3}, "FP16") + R"(</output>
</layer>
<layer id="2" name="w" type="Convert" version="opset1">
  <data destination_type="f32"/><rt_info><attribute name="decompression" version="0"/></rt_info>
  <input>)" +
         port(0, {4, 3, 3, 3}, "FP16") + R"(</input><output>)" + port(1, {4, 3, 3, 3}, "FP32") + R"(</output>
</layer>
<layer id="3" name="c1" type="Convolution" version="opset1">
  <data strides="2, 2" dilations="1, 1" pads_begin="1, 1" pads_end="1, 1" auto_pad="explicit"/>
  <input>)" +
         port(0, {1, 3, 8, 8}, "FP32") + port(1, {4, 3, 3, 3}, "FP32") + R"(</input><output>)" +
         port(2, {1, 4, 4, 4}, "FP32") + R"(</output>
</layer>
<layer id="4" name="bias" type="Const" version="opset1">
  <data element_type="f32" shape="1,4,1,1" offset="216" size="16"/><output>)" +
         port(0, {1, 4, 1, 1}, "FP32") + R"(</output>
</layer>
<layer id="5" name="b1" type="Add" version="opset1">
  <data auto_broadcast="numpy"/>
  <input>)" +
         port(0, {1, 4, 4, 4}, "FP32") + port(1, {1, 4, 1, 1}, "FP32") + R"(</input><output>)" +
         port(2, {1, 4, 4, 4}, "FP32") + R"(</output>
</layer>
<layer id="6" name="gw" type="Const" version="opset1">
  <data element_type="f32" shape="4,1,1,3,3" offset="232" size="144"/><output>)" +
         port(0, {4, 1, 1, 3, 3}, "FP32") + R"(</output>
</layer>
<layer id="7" name="g1" type="GroupConvolution" version="opset1">
  <data strides="1,1" dilations="1,1" pads_begin="0,0" pads_end="0,0" auto_pad="same_upper"/>
  <input>)" +
         port(0, {1, 4, 4, 4}, "FP32") + port(1, {4, 1, 1, 3, 3}, "FP32") + R"(</input><output>)" +
         port(2, {1, 4, 4, 4}, "FP32") + R"(</output>
</layer>
<layer id="8" name="g1/sink" type="Result" version="opset1">
  <input>)" +
         port(0, {1, 4, 4, 4}, "FP32") + R"(</input>
</layer>
</layers>
<edges>)" +
         edge(0, 0, 3, 0) + edge(1, 0, 2, 0) + edge(2, 1, 3, 1) + edge(3, 2, 5, 0) + edge(4, 0, 5, 1) +
         edge(5, 2, 7, 0) + edge(6, 0, 7, 1) + edge(7, 2, 8, 0) + R"(</edges>
<rt_info><Runtime_version value="x"/></rt_info>
</net>
)";
}

inline std::string opset_weights() {
  std::vector<std::uint16_t> halves(108);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = i % 3 == 0 ? 0x3c00 : 0;
  return Bytes().add(halves).add(ramp(4)).add(ramp(36)).text();
}

/// A model on disk.
struct StoredModel {
  TemporaryFolder folder;
  std::filesystem::path xml;
  StoredModel(const std::string& text, const std::string& weights) : xml(folder.path() / "net.v1.xml") {
    write_file(xml, text);
    write_file(folder.path() / "net.v1.bin", weights);
  }
};

}  // namespace refcalib_test
