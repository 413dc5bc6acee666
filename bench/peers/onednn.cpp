#include "bench/peers/onednn.h"

#include <omp.h>

#include <dnnl.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bench/support/memory.h"

namespace refcalib_bench {
namespace {

using refcalib::engine::kernels::ConvGeometry;
using Dims = dnnl::memory::dims;
using Type = dnnl::memory::data_type;
using Format = dnnl::memory::format_tag;

dnnl::memory::desc any(const Dims& dims, Type type) {
  return {dims, type, Format::any};
}

dnnl::convolution_forward::primitive_desc describe(const ConvGeometry& g, bool quantized, bool residual,
                                                   const dnnl::engine& engine) {
  const std::int64_t group_in = g.in_channels / g.groups, group_out = g.out_channels / g.groups;
  const Dims weights = g.groups > 1 ? Dims{g.groups, group_out, group_in, g.kernel_h, g.kernel_w}
                                    : Dims{group_out, group_in, g.kernel_h, g.kernel_w};
  const auto end_pad = [](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                          std::int64_t pad) { return (out - 1) * stride + kernel - in - pad; };
  const Type input = quantized ? Type::u8 : Type::f32;
  const dnnl::convolution_forward::desc what(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      any({g.batch, g.in_channels, g.in_h, g.in_w}, input), any(weights, quantized ? Type::s8 : Type::f32),
      any({g.out_channels}, Type::f32), any({g.batch, g.out_channels, g.out_h, g.out_w}, input),
      {g.stride_h, g.stride_w}, {g.dilation_h - 1, g.dilation_w - 1}, {g.pad_h, g.pad_w},
      {end_pad(g.in_h, g.out_h, g.kernel_h, g.stride_h, g.pad_h),
       end_pad(g.in_w, g.out_w, g.kernel_w, g.stride_w, g.pad_w)});
  dnnl::primitive_attr attributes;
  if (quantized)
    attributes.set_output_scales(2, std::vector<float>(static_cast<std::size_t>(g.out_channels), 1e-4F));
  dnnl::post_ops after;
  if (residual) after.append_sum(quantized ? 0.5F : 1.0F);
  after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  attributes.set_post_ops(after);
  return {what, attributes, engine};
}

class Convolution final : public PeerLayer {
 public:
  Convolution(const ConvGeometry& g, bool quantized, bool residual)
      : description_(describe(g, quantized, residual, engine_)), primitive_(description_) {
    add(DNNL_ARG_SRC, description_.src_desc(), !quantized);
    add(DNNL_ARG_WEIGHTS, description_.weights_desc(), !quantized);
    add(DNNL_ARG_BIAS, description_.bias_desc(), true);
    add(DNNL_ARG_DST, description_.dst_desc(), !quantized);
  }

  void run() override {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  std::string implementation() const override { return description_.impl_info_str(); }

 private:
  void add(int argument, const dnnl::memory::desc& what, bool floats) {
    Memory& memory = memories_.emplace_back(what.get_size());
    memory.fill(floats);
    arguments_.emplace(argument, dnnl::memory(what, engine_, memory.data()));
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::convolution_forward::primitive_desc description_;
  dnnl::convolution_forward primitive_;
  std::vector<Memory> memories_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace

std::string onednn_version() {
  const dnnl_version_t& version = *dnnl_version();
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
         std::to_string(version.patch);
}

std::unique_ptr<PeerLayer> onednn_convolution(const ConvGeometry& geometry, bool quantized, bool residual) {
  omp_set_num_threads(1);
  try {
    return std::make_unique<Convolution>(geometry, quantized, residual);
  } catch (const dnnl::error&) {
    return nullptr;
  }
}

}  // namespace refcalib_bench
