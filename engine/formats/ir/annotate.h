#pragma once

#include "engine/formats/ir/ir.h"

namespace refcalib::engine::ir {

/// The two halves of annotate(): each changes a copy of the document. `graph` is the document's graph without
/// any annotation; names were checked against it.
void annotate_legacy(Document& document, const Annotation& annotation, const Graph& graph);
void annotate_opset(Document& document, const Annotation& annotation, const Graph& graph);

/// Takes an earlier annotation of ours out of a document.
void strip_legacy(Document& document);
void strip_opset(Document& document);

/// The node of that name that has constant weights, or nullptr.
const Node* find_weighted(const Graph& graph, std::string_view name);
/// Output channels of a node that find_weighted() gave.
std::int64_t weight_channels(const Graph& graph, const Node& node);

}  // namespace refcalib::engine::ir
