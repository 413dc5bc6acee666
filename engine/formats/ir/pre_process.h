#pragma once

#include "engine/formats/ir/document.h"
#include "engine/graph/builder.h"

namespace refcalib::engine::ir {

/// Suffix of the value that the network reads instead of an input with pre-processing.
inline constexpr std::string_view kPreProcessSuffix = "/pre-process";

/// The `<pre-process>` of an input of that name and shape, or nullptr. An element without a name belongs to
/// the first 4-D input, or to the first input if there is none.
const PreProcess* find_pre_process(const Document& document, const std::string& input);

/// Adds x' = (x - mean[c]) * scale[c] behind the input as nodes named "<input>/pre-process" and returns the
/// result. Throws FormatError if channels mix values and planes, are missing, or do not fit the input.
ValueId add_pre_process(const Document& document, const PreProcess& process, GraphBuilder& builder,
                        ValueId input);

}  // namespace refcalib::engine::ir
