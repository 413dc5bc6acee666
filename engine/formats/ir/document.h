#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/shape.h"
#include "engine/graph/quantization.h"

namespace refcalib::engine::ir {

struct Port {
  int id = 0;
  std::string precision;  ///< as written, may be empty
  Shape dims;
  std::string names;  ///< v11 tensor names, as written
  std::string raw;    ///< other child elements (rt_info), verbatim
};

struct Blob {
  std::string name;  ///< "weights", "biases", "custom" …
  std::uint64_t offset = 0, size = 0;
  std::string precision;  ///< as written, may be empty
};

/// One `<layer>`, as the file has it. `raw` holds child elements that this reader does not interpret (rt_info
/// …), verbatim.
struct Layer {
  int id = 0;
  std::string name, type;
  std::string version;                ///< v10+: "opset1" …
  std::string precision;              ///< legacy: "FP32" …
  std::string data_element = "data";  ///< name of the element that holds the attributes
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string data_raw;  ///< child elements of the element that holds the attributes (v2 Crop), verbatim
  std::vector<std::pair<std::string, std::string>> extra;  ///< further attributes of `<layer>` itself
  std::vector<Port> inputs, outputs;                       ///< sorted by id
  std::vector<Blob> blobs;
  bool blobs_container = true;  ///< false: weights and biases directly under the layer (v2)
  std::string raw;

  /// Attribute text; nullptr if absent or empty (an empty string counts as absent).
  const std::string* attribute(std::string_view key) const noexcept;
  /// Replaces or appends an attribute.
  void set_attribute(std::string_view key, std::string value);
  void remove_attribute(std::string_view key);
};

struct Edge {
  int from_layer = 0, from_port = 0, to_layer = 0, to_port = 0;
};

/// `<statistics>` of one layer's output: one value per channel, or one for all.
struct LayerStatistics {
  std::string layer;
  std::vector<float> min, max;
};

/// `<pre-process>`: x' = (x - mean[c]) * scale[c]; a mean may be a plane in the weights file.
struct PreProcess {
  std::string input;  ///< reference-layer-name, may be empty
  struct Channel {
    std::optional<float> mean;
    std::optional<Blob> mean_plane;
    float scale = 1;
  };
  std::vector<Channel> channels;
  std::string mean_precision;
};

/// What the legacy schema cannot say, for one layer: the exact quantization of its output (limits of a
/// FakeQuantize with the given levels), or limits of its weights, or a corrected bias. Lives in the one
/// `<refcalib>` element.
struct LayerCalibration {
  std::string layer;                      ///< name of the layer
  std::vector<QuantizationRange> output;  ///< empty: not quantized; one or one per channel
  std::int32_t output_levels = 256;
  std::vector<QuantizationRange>
      weights;  ///< empty: derived from the weights themselves (largest magnitude per output channel)
  std::int32_t weight_levels = 255;
  std::vector<float> bias;  ///< empty: as in the weights file
};

/// An IR of any generation, as its file states it: the writer gives back what the reader took in.
struct Document {
  std::filesystem::path xml_path, bin_path;  ///< for messages
  std::string name;
  int version = 0;
  std::string batch;      ///< legacy attribute, as written
  std::string precision;  ///< legacy net precision, as written
  std::vector<Layer> layers;
  std::vector<Edge> edges;
  std::vector<LayerStatistics> statistics;
  std::vector<PreProcess> pre_process;
  std::vector<LayerCalibration> calibration;
  std::vector<std::pair<std::string, std::string>> extra;  ///< further attributes of `<net>`
  std::string raw;                     ///< meta_data, rt_info, quantization_parameters …, verbatim
  std::span<const std::byte> weights;  ///< content of the .bin
  std::shared_ptr<const void> weights_owner;
  bool reshaped =
      false;  ///< inputs have other shapes than the file states: declared shapes of later layers do not count
  std::vector<std::byte> appended;  ///< bytes that the writer puts behind `weights`; blobs may point there

  bool legacy() const noexcept { return version < 10; }
  /// The bytes of a blob. Throws FormatError (layer named) if they lie outside the weights.
  std::span<const std::byte> bytes(const Blob& blob, const std::string& layer) const;
  /// Puts bytes behind the weights and returns the blob that names them.
  Blob append(std::string blob_name, std::span<const std::byte> content, std::string blob_precision = {});
};

/// Reads MODEL.xml and its weights (`weights_path`, or the .bin beside the path as given; symbolic links are
/// not resolved; the file is mapped, not copied). Checks everything that can be checked without knowing
/// operations. Throws IoError, FormatError, UnsupportedError (version), each naming the file.
Document read_document(const std::filesystem::path& xml, const std::filesystem::path& weights_path = {});

/// The weights file of a model: `xml` as given with a trailing ".xml" replaced by ".bin", else with ".bin"
/// appended. File names may hold further dots, and symbolic links are not resolved.
std::filesystem::path weights_path_of(const std::filesystem::path& xml);

/// Checks that need no knowledge of operations: unique ids and names, dimensions, edges, cycles, blob ranges,
/// statistics. read_document calls it. Throws FormatError naming file and layer.
void check_document(const Document& document);

/// Writes MODEL.xml and MODEL.bin: both to temporary names beside the target, then renamed, so that a failure
/// leaves earlier files untouched. Throws IoError.
void write_document(const Document& document, const std::filesystem::path& xml);

}  // namespace refcalib::engine::ir
