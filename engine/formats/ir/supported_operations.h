#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::engine::ir {

/// What the readers' tables do not say about a layer type: how people write it and what it becomes. One row per meaning; a layer type that
/// a table of `legacy_*.cpp` or `opset_*.cpp` gains needs one row here.
struct SupportedLayer {
  std::string_view legacy;  ///< types of v2 to v7, "A, B (which)"; empty if there are none
  std::string_view opset;   ///< operations of v10 and v11, in the same way
  std::string_view
      operation;  ///< name of the OpRecord that does the work; empty for layers that only name values
  std::string_view integers =
      {};  ///< "no" if the layer never meets the operation's conditions for integers, or the condition
  std::string_view notes = {};  ///< limits, or what becomes of the layer
};

/// THE TABLE of what can be read, in the order of the documentation.
std::span<const SupportedLayer> supported_layers() noexcept;

/// The names in a list such as "Add, Eltwise (sum)": what stands in front of the brackets.
std::vector<std::string_view> listed_names(std::string_view list);

/// A row as it is printed.
struct SupportedOperation {
  std::string legacy;  ///< as in the table
  std::string opset;   ///< each with the operation sets from which on its meanings hold: "MaxPool (1, 8)"
  std::string fp32;    ///< "yes", "view" (no step of its own) or "at load" (of constants and shapes only)
  std::string
      int8;  ///< how the operation's record lets it run on integers, "no", or "-" where there is nothing to run
  std::string notes;
};

/// The table completed by what the readers' tables and the operations' records state.
std::vector<SupportedOperation> supported_operations();

}  // namespace refcalib::engine::ir
