#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/graph/graph.h"

namespace refcalib::engine::ir {

/// Translates a document into a Graph: one vocabulary of operations for all generations, shape sub-graphs
/// folded, values named by the layer that produces them, `Value::quantization` set from `<refcalib>`,
/// `<statistics>` or (by a later pass) FakeQuantize. Pre-processing becomes ChannelAffine or Eltwise nodes
/// behind the inputs. Unknown layer types are listed all at once, with ids. Throws FormatError or
/// UnsupportedError naming file and layer.
Graph to_graph(const Document& document);

/// read_document + to_graph.
Graph read_graph(const std::filesystem::path& xml, const std::filesystem::path& weights_path = {});

/// The outcome of a calibration in the terms of the file: which values get which limits, which layers stay in
/// float.
struct Annotation {
  struct Activation {
    std::string value;                     ///< name of the Graph value
    std::vector<QuantizationRange> range;  ///< one, or one per channel
    std::int32_t levels = 256;
    std::vector<float> channel_min, channel_max;  ///< observed, for legacy <statistics>; may be empty
  };
  struct Weights {
    std::string layer;                     ///< name of the Graph node
    std::vector<QuantizationRange> range;  ///< symmetric: low = -high; one, or one per output channel
    std::int32_t levels = 255;
    std::vector<float> bias;         ///< corrected bias, empty if unchanged
    std::vector<float> values = {};  ///< other weights, in the order of the constant; empty if unchanged
  };
  /// Another constant in the place of one that a layer without weights reads, for example the scale of a normalization.
  struct Operand {
    std::string layer;
    std::size_t input = 0;
    std::vector<float> values;  ///< in the order of the constant
  };
  std::vector<Activation> activations;
  std::vector<Weights> weights;
  std::vector<std::string> keep_float;  ///< names of layers that must not be quantized
  std::vector<Operand> operands = {};
};

/// The document with the annotation: a legacy model gets <statistics>, quantization_level and <refcalib>; a
/// v10/v11 model gets FakeQuantize layers (on the weights and behind the producers of quantized values).
/// Previous annotations are replaced.
Document annotate(const Document& document, const Annotation& annotation);

/// A v10/v11 document whose quantized weights are stored as i8: each FakeQuantize of 255 levels on a constant becomes
/// Const(i8) -> Convert -> Multiply(scale), and bytes that nothing names any more are left out. The integers and scales are those that
/// the engine executes, so that outputs keep their bits (in files whose tensors are FP16, scales are rounded to 16 bits).
/// Legacy documents are returned as they are.
Document compress_weights(const Document& document);

/// Rewrites the weights of a document so that they hold what its layers name and nothing else. Documents with sub-graphs
/// are left as they are.
void drop_unused_bytes(Document& document);

}  // namespace refcalib::engine::ir
