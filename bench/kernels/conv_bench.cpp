// Convolution kernels over the layers of real networks, one thread. Every benchmark reports the best run,
// because other work on the machine only ever adds time:
//
//   <network>/<f32|u8s8>/<isa>            all layers in order, as a network runs them: weights come from far
//   away layer/<network>/<f32|u8s8>/<isa>/<n>  one layer again and again
//
// Counters: best_ms, GOPs (two operations per multiply-add), peak (fraction of what the registers reach), and
// for networks dense_peak and dw_ms, which separate the depthwise convolutions from the others.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "bench/kernels/layers.h"
#include "engine/cpu/isa.h"
#include "engine/kernels/peak/peak.h"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;
using refcalib_bench::Layer;
using refcalib_bench::Network;

/// 64-byte aligned memory.
class Memory {
 public:
  explicit Memory(std::size_t bytes)
      : bytes_((bytes + 127) / 64 * 64), data_(new (std::align_val_t{64}) std::byte[bytes_]) {}
  ~Memory() { ::operator delete[](data_, std::align_val_t{64}); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  std::byte* data() { return data_; }

  /// Floats in [-1, 1) or any bytes: ordinary values, since underflow and overflow may take longer.
  Memory& fill(bool floats) {
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < bytes_; i += 4) {
      state = state * 1664525U + 1013904223U;
      const float real = static_cast<float>(state >> 8U) * 0x1p-23F - 1.0F;
      const std::uint32_t bits = state ^ state >> 13U;
      std::memcpy(data_ + i, floats ? static_cast<const void*>(&real) : &bits, 4);
    }
    return *this;
  }
  Memory& fill(float value) {
    for (std::size_t i = 0; i < bytes_; i += 4) std::memcpy(data_ + i, &value, 4);
    return *this;
  }

 private:
  std::size_t bytes_;
  std::byte* data_;
};

/// The memory of activations: as in a network's arena, a layer reads what the one before it wrote.
struct Activations {
  explicit Activations(bool quantized) : even(bytes), odd(bytes), residual(bytes) {
    even.fill(!quantized);
    odd.fill(!quantized);
    residual.fill(!quantized);
  }
  static constexpr std::size_t bytes = std::size_t{112} * 112 * 96 * 4 + 64;
  Memory even, odd, residual;
};

/// A layer with everything else that one run needs.
class Job {
 public:
  Job(const Layer& layer, bool quantized, Isa isa, Activations& activations, bool is_odd)
      : layer_(layer),
        geometry_(refcalib_bench::geometry(layer)),
        kernel_(find(layer, geometry_, quantized, isa)),
        element_(quantized ? 1 : 4),
        weights_(bytes(geometry_.out_channels * geometry_.in_channels / geometry_.groups *
                       geometry_.kernel_h * geometry_.kernel_w)),
        packed_(kernel_->packed_bytes(geometry_)),
        scratch_(kernel_->scratch_bytes(geometry_)),
        offset_(channel_bytes()),
        scale_(channel_bytes()),
        bias_(channel_bytes()),
        inv_scale_(channel_bytes()) {
    weights_.fill(!quantized);
    offset_.fill(0.0F);
    scale_.fill(1e-4F);
    bias_.fill(0.5F);
    inv_scale_.fill(40.0F);
    const auto start = std::chrono::steady_clock::now();
    kernel_->pack(geometry_, weights_.data(), packed_.data());
    pack_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    operands_.input = (is_odd ? activations.odd : activations.even).data();
    operands_.output = (is_odd ? activations.even : activations.odd).data();
    operands_.packed = packed_.data();
    operands_.scratch = scratch_.data();
    Epilogue& e = operands_.epilogue;
    e.acc_offset = reinterpret_cast<const std::int32_t*>(offset_.data());
    e.scale = reinterpret_cast<const float*>(scale_.data());
    e.bias = reinterpret_cast<const float*>(bias_.data());
    e.inv_scale = reinterpret_cast<const float*>(inv_scale_.data());
    e.high = 6.0F;
    if (quantized) e.output_kind = Epilogue::Output::u8;
    if (layer.residual) {
      operands_.residual = activations.residual.data();
      e.residual_kind = quantized ? Epilogue::Residual::u8 : Epilogue::Residual::f32;
      e.residual_scale = 0.01F;
    }
  }

  /// Seconds of one run.
  double run() {
    const auto start = std::chrono::steady_clock::now();
    kernel_->run(geometry_, operands_, 0, kernel_->work_items(geometry_));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  double operations() const { return refcalib_bench::operations(geometry_); }
  double pack_seconds() const { return pack_seconds_; }
  const Layer& layer() const { return layer_; }
  const char* kernel() const { return kernel_->name; }

 private:
  static const ConvKernel* find(const Layer& layer, const ConvGeometry& g, bool quantized, Isa isa) {
    const ConvKernel* special =
        layer.depthwise ? select(quantized ? dwconv_u8s8_kernels() : dwconv_f32_kernels(), g, isa) : nullptr;
    return special != nullptr ? special
                              : select(quantized ? conv_u8s8_kernels() : conv_f32_kernels(), g, isa);
  }
  std::size_t channel_bytes() const {
    return static_cast<std::size_t>((geometry_.out_channels + 63) / 64 * 256);
  }
  std::size_t bytes(std::int64_t elements) const { return static_cast<std::size_t>(elements) * element_; }

  const Layer& layer_;
  ConvGeometry geometry_;
  const ConvKernel* kernel_;
  std::size_t element_;
  Memory weights_, packed_, scratch_, offset_, scale_, bias_, inv_scale_;
  ConvOperands operands_;
  double pack_seconds_ = 0;
};

double peak_of(bool quantized, Isa isa) {
  static std::vector<std::pair<Isa, PeakRates>> known;
  for (const auto& [i, rates] : known)
    if (i == isa) return quantized ? rates.u8s8_gops : rates.f32_gflops;
  known.emplace_back(isa, measure_peak(isa, 1));
  return peak_of(quantized, isa);
}

void report(benchmark::State& state, double seconds, double operations, double peak) {
  state.counters["best_ms"] = seconds * 1e3;
  state.counters["GOPs"] = operations / seconds * 1e-9;
  state.counters["peak"] = operations / seconds * 1e-9 / peak;
}

void run_network(benchmark::State& state, const Network& network, bool quantized, Isa isa) {
  Activations activations(quantized);
  std::vector<std::unique_ptr<Job>> jobs;
  for (const Layer& layer : network.layers)
    for (int i = 0; i < layer.count; ++i)
      jobs.push_back(std::make_unique<Job>(layer, quantized, isa, activations, jobs.size() % 2 == 1));
  std::vector<double> best(jobs.size(), 1e9);
  for (auto _ : state)
    for (std::size_t i = 0; i < jobs.size(); ++i) best[i] = std::min(best[i], jobs[i]->run());
  double seconds = 0, pack_seconds = 0, operations = 0, dense_seconds = 0, dense_operations = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    seconds += best[i];
    pack_seconds += jobs[i]->pack_seconds();
    operations += jobs[i]->operations();
    if (jobs[i]->layer().depthwise) continue;
    dense_seconds += best[i];
    dense_operations += jobs[i]->operations();
  }
  const double peak = peak_of(quantized, isa);
  report(state, seconds, operations, peak);
  state.counters["dense_peak"] = dense_operations / dense_seconds * 1e-9 / peak;
  state.counters["pack_ms"] = pack_seconds * 1e3;
  state.counters["dw_ms"] = (seconds - dense_seconds) * 1e3;
}

void run_layer(benchmark::State& state, const Layer& layer, bool quantized, Isa isa) {
  Activations activations(quantized);
  Job job(layer, quantized, isa, activations, false);
  double best = 1e9;
  for (auto _ : state) best = std::min(best, job.run());
  report(state, best, job.operations(), peak_of(quantized, isa));
  state.SetLabel(job.kernel());
}

void register_all() {
  for (const Isa isa : available_isas())
    for (const bool quantized : {false, true})
      for (const Network& network : refcalib_bench::networks) {
        const std::string tail =
            std::string(network.name) + (quantized ? "/u8s8/" : "/f32/") + std::string(to_string(isa));
        benchmark::RegisterBenchmark(tail.c_str(), [&network, quantized, isa](benchmark::State& s) {
          run_network(s, network, quantized, isa);
        })->Unit(benchmark::kMillisecond);
        for (const Layer& layer : network.layers)
          benchmark::RegisterBenchmark(
              ("layer/" + tail + "/" + refcalib_bench::to_string(layer)).c_str(),
              [&layer, quantized, isa](benchmark::State& s) { run_layer(s, layer, quantized, isa); })
              ->Unit(benchmark::kMillisecond);
      }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
