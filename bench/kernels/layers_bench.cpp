// Convolutions and matrix products of real networks on one thread, and every row of the kernel tables:
//
//   network/<network>/<f32|u8s8>/<isa>         all layers in order, as a network runs them: weights come from far away
//   layer/<network>/<f32|u8s8>/<isa>/<n>       one layer again and again, in turns with oneDNN where it was found
//   kernel/<table>/<row>/<layer>               every row of the tables on layers that it accepts
//
// Counters: ms (median), GOPs (10^9 operations per second, two per multiply-add), peak (fraction of what registers reach), MB (input, output,
// weights and residual), GBs (MB per second); onednn_ms, onednn_ratio (median of ours / oneDNN's); for networks also dense_peak and dw_ms,
// which separate the depthwise convolutions from the others, and pack_ms. A layer's label names the kernel and oneDNN's.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/kernels/layer_job.h"
#include "bench/peers/onednn.h"
#include "bench/support/peak.h"
#include "engine/cpu/isa.h"
#include "engine/kernels/gconv/gconv.h"
#include "engine/kernels/winograd/winograd.h"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;
using refcalib_bench::Activations;
using refcalib_bench::Layer;
using refcalib_bench::LayerJob;
using refcalib_bench::Network;
using refcalib_bench::Turns;

/// What the engine would take, without CompileOptions::exact.
const ConvKernel& kernel_for(const Layer& layer, bool quantized, Isa isa) {
  const ConvGeometry g = refcalib_bench::geometry(layer);
  const ConvKernel* const winograd =
      quantized ? winograd_u8s8_kernel(g, isa) : select(winograd_f32_kernels(), g, isa);
  const ConvKernel* special =
      winograd != nullptr ? winograd
      : layer.depthwise   ? select(quantized ? dwconv_u8s8_kernels() : dwconv_f32_kernels(), g, isa)
      : layer.groups > 1  ? select(quantized ? gconv_u8s8_kernels() : gconv_f32_kernels(), g, isa)
                          : nullptr;
  return special != nullptr ? *special
                            : *select(quantized ? conv_u8s8_kernels() : conv_f32_kernels(), g, isa);
}

void report_rates(benchmark::State& state, double seconds, double operations, double bytes, double peak) {
  state.counters["ms"] = seconds * 1e3;
  state.counters["GOPs"] = operations / seconds * 1e-9;
  state.counters["peak"] = operations / seconds * 1e-9 / peak;
  state.counters["MB"] = bytes * 1e-6;
  state.counters["GBs"] = bytes / seconds * 1e-9;
}

/// Sums over the layers of a network that a condition holds for.
struct Totals {
  double seconds = 0, operations = 0, bytes = 0, pack_seconds = 0;

  void add(const LayerJob& job, double median) {
    seconds += median;
    operations += job.operations();
    bytes += job.moved_bytes();
    pack_seconds += job.pack_seconds();
  }
};

void run_network(benchmark::State& state, const Network& network, bool quantized, Isa isa) {
  Activations activations(quantized);
  std::vector<std::unique_ptr<LayerJob>> jobs;
  for (const Layer& layer : network.layers)
    for (int i = 0; i < layer.count; ++i)
      jobs.push_back(std::make_unique<LayerJob>(layer, quantized, kernel_for(layer, quantized, isa),
                                                activations, jobs.size() % 2 == 1));
  std::vector<std::vector<double>> times(jobs.size());
  for (auto _ : state)
    for (std::size_t i = 0; i < jobs.size(); ++i) times[i].push_back(jobs[i]->run());
  Totals all, dense;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const double median = refcalib_bench::median(times[i]);
    all.add(*jobs[i], median);
    if (!jobs[i]->layer().depthwise) dense.add(*jobs[i], median);
  }
  const double peak = refcalib_bench::peak_gops(isa, quantized);
  report_rates(state, all.seconds, all.operations, all.bytes, peak);
  state.counters["dense_peak"] = dense.operations / dense.seconds * 1e-9 / peak;
  state.counters["dw_ms"] = (all.seconds - dense.seconds) * 1e3;
  state.counters["pack_ms"] = all.pack_seconds * 1e3;
}

void run_layer(benchmark::State& state, const Layer& layer, bool quantized, const ConvKernel& kernel,
               bool with_peer) {
  Activations activations(quantized);
  LayerJob job(layer, quantized, kernel, activations, false);
  const auto peer = with_peer ? refcalib_bench::onednn_convolution(refcalib_bench::geometry(layer), quantized,
                                                                   layer.residual)
                              : nullptr;
  Turns turns;
  job.run();
  if (peer) peer->run();
  for (auto _ : state) {
    turns.first.push_back(job.run());
    state.SetIterationTime(turns.first.back());
    if (peer) turns.second.push_back(refcalib_bench::seconds_of([&] { peer->run(); }));
  }
  report_rates(state, turns.first_median(), job.operations(), job.moved_bytes(),
               refcalib_bench::peak_gops(kernel.isa, quantized));
  std::string label = job.kernel();
  if (peer) {
    state.counters["onednn_ms"] = turns.second_median() * 1e3;
    state.counters["onednn_ratio"] = turns.ratio();
    label += " | " + peer->implementation();
  }
  state.SetLabel(label);
}

void register_networks(Isa isa, bool quantized) {
  const std::string tail = (quantized ? "/u8s8/" : "/f32/") + std::string(to_string(isa));
  for (const Network& network : refcalib_bench::networks) {
    benchmark::RegisterBenchmark(
        ("network/" + std::string(network.name) + tail).c_str(),
        [&network, quantized, isa](benchmark::State& s) { run_network(s, network, quantized, isa); })
        ->Unit(benchmark::kMillisecond);
    // oneDNN chooses its instruction set itself: a comparison needs the best one on both sides.
    const bool with_peer = isa == available_isas().back();
    for (const Layer& layer : network.layers)
      benchmark::RegisterBenchmark(
          ("layer/" + std::string(network.name) + tail + "/" + refcalib_bench::to_string(layer)).c_str(),
          [&layer, quantized, isa, with_peer](benchmark::State& s) {
            run_layer(s, layer, quantized, kernel_for(layer, quantized, isa), with_peer);
          })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
  }
}

/// Layers that between them suit every kind of kernel.
constexpr Layer samples[] = {{56, 64, 64, 3, 1},
                             {28, 256, 256, 1, 1},
                             {224, 3, 32, 3, 2},
                             {28, 192, 192, 3, 1, true},
                             {56, 128, 128, 3, 1, false, false, 1, false, 32},
                             {28, 256, 256, 3, 1, false, false, 1, false, 32},
                             {28, 96, 384, 1, 1, false, false, 1, false, 8},
                             {56, 64, 128, 3, 1, false, false, 1, false, 64}};

void register_table(const std::string& name, std::span<const ConvKernel> table, bool quantized) {
  for (const ConvKernel& kernel : table) {
    if (!is_available(kernel.isa)) continue;
    for (const Layer& layer : samples)
      if (kernel.accepts(refcalib_bench::geometry(layer)))
        benchmark::RegisterBenchmark(
            ("kernel/" + name + "/" + kernel.name + "/" + refcalib_bench::to_string(layer)).c_str(),
            [&kernel, &layer, quantized](benchmark::State& s) {
              run_layer(s, layer, quantized, kernel, false);
            })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (const Isa isa : available_isas())
    for (const bool quantized : {false, true}) register_networks(isa, quantized);
  register_table("conv_f32", conv_f32_kernels(), false);
  register_table("conv_u8s8", conv_u8s8_kernels(), true);
  register_table("dwconv_f32", dwconv_f32_kernels(), false);
  register_table("dwconv_u8s8", dwconv_u8s8_kernels(), true);
  register_table("gconv_f32", gconv_f32_kernels(), false);
  register_table("gconv_u8s8", gconv_u8s8_kernels(), true);
  register_table("winograd_f32", winograd_f32_kernels(), false);
  register_table("winograd_u8s8", winograd_u8s8_kernels(), true);
  benchmark::AddCustomContext("isa", std::string(to_string(available_isas().back())));
  benchmark::AddCustomContext("onednn", refcalib_bench::onednn_version());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
