#pragma once

#include "engine/formats/ir/document.h"

namespace refcalib::engine::ir {

/// A v10/v11 document as one of v7, as Model Optimizer 2020 writes them: weights and biases as blobs of their layers, shapes stated at
/// every port, shape sub-graphs and prior boxes folded into constants, indices as I32. Outputs keep their names; one that other layers
/// read, too, gets a layer of its own. The graph of the result computes the same bits. Documents of v2 to v7 stay as they are.
/// Throws UnsupportedError naming the layer for an operation that v7 cannot spell.
Document to_legacy(const Document& document);

}  // namespace refcalib::engine::ir
