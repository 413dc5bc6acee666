// Calibrates a network from a program: tensors come from a callback, nothing is read from or written to files but the model
// itself. Prints what was chosen and how near the INT8 answers come; returns 1 if they do not.
//
//   example_calibrate_in_process MODEL.xml

#include <engine/calibration/calibrate.h>
#include <engine/calibration/collect.h>
#include <engine/formats/model.h>
#include <engine/runtime/program.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <span>
#include <vector>

namespace {

using namespace refcalib::engine;

/// Frame `index` of an imagined camera: blobs that wander over noise, pixels from 0 to 255.
void draw_frame(std::size_t index, std::span<float> pixels) {
  std::uint32_t state = 12345U + static_cast<std::uint32_t>(index) * 7919U;
  const auto width = static_cast<std::size_t>(std::sqrt(static_cast<double>(pixels.size() / 3)));
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    state = state * 1664525U + 1013904223U;
    const auto x = static_cast<double>(i % width), y = static_cast<double>(i / width % width);
    const double blob = 200 * std::exp(-std::pow((x - static_cast<double>(index % width)) / 6, 2) -
                                       std::pow((y - static_cast<double>(index * 3 % width)) / 6, 2));
    pixels[i] = static_cast<float>(std::min(255.0, blob + static_cast<double>(state >> 26)));
  }
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return ab / std::sqrt(std::max(aa * bb, 1e-30));
}

int run(const char* path) {
  const Model model = load_model(path);

  // The data: called by several threads, each with a session of its own. Return false to leave a sample out.
  SampleSource frames;
  frames.runs = 64;
  frames.fill = [](Session& session, std::size_t index) {
    draw_frame(index, session.input(0));
    return true;
  };

  // Progress; returning false stops with the exception Cancelled.
  std::size_t calls = 0;
  const Progress progress = [&](std::size_t done, std::size_t all) {
    ++calls;
    if (done == all) std::printf("looked at %zu frames\n", done);
    return true;
  };
  CalibrationOptions options;
  options.method = "mse";
  const CalibrationResult result = calibrate(model.graph, frames, options, progress);
  std::printf("%zu values and %zu layers with weights have limits\n", result.values.size(),
              result.annotation.weights.size());

  bool cancelled = false;
  try {
    calibrate(model.graph, frames, options, [](std::size_t done, std::size_t) { return done < 5; });
  } catch (const Cancelled& reason) {
    cancelled = true;
    std::printf("stopped after 5 frames: %s\n", reason.what());
  }

  // The same in two steps, to decide more than once from what was seen.
  const refcalib::Statistics seen = collect(model.graph, frames).statistics;
  for (const char* method : {"minmax", "mse"}) {
    options.method = method;
    const CalibrationPlan plan = plan_calibration(model.graph, options);
    const CalibrationResult again = decide(model.graph, plan, seen, options);
    std::printf("%s: '%s' gets limits %.4g to %.4g\n", method, again.values.back().value.c_str(),
                static_cast<double>(again.values.back().range.low),
                static_cast<double>(again.values.back().range.high));
  }

  // The annotated document in memory runs as the file would that ir::write_document makes of it.
  const Graph quantized = ir::to_graph(ir::annotate(model.document, result.annotation));
  CompileOptions in_float = default_options();
  in_float.int8 = false;
  Session reference(Program::compile(model.graph, in_float)), integer(Program::compile(quantized));
  double worst = 1;
  for (std::size_t index = 1000; index < 1020; ++index) {
    draw_frame(index, reference.input(0));
    draw_frame(index, integer.input(0));
    reference.run();
    integer.run();
    worst = std::min(worst, cosine(reference.output(0), integer.output(0)));
  }
  std::printf("INT8 against FP32 on 20 new frames: cosine at least %.4f\n", worst);
  return cancelled && calls == frames.runs && worst > 0.97 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL.xml\n", argv[0]);
    return 2;
  }
  try {
    return run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
