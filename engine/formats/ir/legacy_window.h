#pragma once

#include "engine/formats/ir/window.h"

namespace refcalib::engine::ir {

/// The window of a legacy Convolution or Pooling: lists in spatial order, or the scalars of v2 (kernel-x, stride-y, pad-r …, for layers
/// taken over from Caffe also kernel_size, stride_h, pad_w …). Defaults: strides and dilations 1, pads_begin 0, pads_end like pads_begin;
/// auto_pad is resolved. The output size that the layer declares is trusted where it differs by one from floor((I + begin + end - extent) /
/// stride) + 1: the end pads follow from it.
Window legacy_convolution_window(const LayerReader& reader);

/// The same without trusting the declared output, which a pooling's rounding rules come in front of.
Window legacy_pooling_window(const LayerReader& reader);

/// The window of a legacy Deconvolution. With auto_pad same_* the output is I * stride; where the declared output differs from
/// stride * (I - 1) + extent - begin - end by less than a stride, the end pads (negative ones go on behind the last input) follow from it.
Window legacy_deconvolution_window(const LayerReader& reader);

/// The declared sizes of output 0 behind batch and channels; empty if the layer declares none of the input's rank.
std::vector<std::int64_t> declared_sizes(const LayerReader& reader);

}  // namespace refcalib::engine::ir
