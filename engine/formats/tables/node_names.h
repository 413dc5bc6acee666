#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/formats/tables/table.h"

namespace refcalib::engine::tables {

/// What a model file calls a value and the node that computes it. Graphs know values and layers by the names of values alone.
struct NodeName {
  std::string value;
  std::string node;  ///< the file's own name of the node, else that of its first value
  std::string type;  ///< as the file has it: "Conv"
};

/// By which names the tables of a tool call the places of a network that it read from such a file.
enum class Naming : std::uint8_t {
  values,        ///< of tensors
  nodes,         ///< of nodes: what onnx2ncnn makes layers of
  typed_values,  ///< VALUE_TYPE, as TPU-MLIR calls its operations
};

/// The table with names of values for names of nodes, where these are known: first as the naming has it, then as any other has it. Names that
/// are none of the model's stay. No two entries get the same name.
CalibrationTable by_values(CalibrationTable table, Naming naming, std::span<const NodeName> names);

/// The other way round. Names that no node has (inputs of the network) stay.
CalibrationTable by_names(CalibrationTable table, Naming naming, std::span<const NodeName> names);

}  // namespace refcalib::engine::tables
