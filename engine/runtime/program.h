#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/core/pair_proof.h"
#include "engine/graph/graph.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

struct CompileOptions {
  Isa isa = Isa::scalar;  ///< set by default_options()
  bool int8 = true;       ///< false: ignore every quantization and run in f32
  /// Every f32 convolution sums directly, in one order. default_options() has false: 3x3 convolutions may take Winograd's algorithm,
  /// which rounds otherwise (kernels/winograd/winograd.h), the same on every instruction set.
  bool exact = true;
  bool share_memory = true;  ///< false: every value keeps its own memory, so that all can be read after a run
};

/// Options for this machine: REFCALIB_ISA or the strongest instruction set.
CompileOptions default_options();

/// One network input or output. Sessions take and give plain row-major f32 in the shape of the file.
struct PortInfo {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;  ///< as declared by the file, for information
};

/// A step and what reports say about it.
struct StepInfo {
  std::string name;  ///< layer (after fusing: the last layer of the fused chain)
  std::string op;
  std::string kernel;
  std::string precision;  ///< "I8", "FP32", or "I8>FP32" / "FP32>I8" for conversions
  std::string reason;     ///< why it does not run in INT8, if it is a quantizable operation
  std::int64_t macs = 0;
  PairProof pairs;               ///< of a kernel that sums products in pairs in int16; else all 0
  std::vector<ValueId> outputs;  ///< values of graph() that it writes
};

/// Immutable result of compiling a Graph for one instruction set: ordered steps, packed weights, arena plan. Shareable between threads.
class Program {
 public:
  /// Runs the passes and plans every step. Throws UnsupportedError or FormatError naming the layer,
  /// and the file that the graph was read from; UnsupportedError too for an instruction set that this processor lacks.
  static std::shared_ptr<const Program> compile(Graph graph,
                                                const CompileOptions& options = default_options());
  ~Program();

  const Graph& graph() const noexcept;  ///< after all passes
  std::span<const StepInfo> steps() const noexcept;
  std::span<const PortInfo> inputs() const noexcept;
  std::span<const PortInfo> outputs() const noexcept;
  Isa isa() const noexcept;
  std::size_t arena_bytes() const noexcept;
  std::size_t constant_bytes() const noexcept;
  std::int64_t macs() const noexcept;

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  explicit Program(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A value in memory right after the step that wrote it.
struct ValueView {
  ValueId id = kNone;
  const Value* value = nullptr;
  TensorRef tensor;
  const void* data = nullptr;
};

/// The value as plain row-major floats (dequantized if u8). `out` is resized.
void copy_to_floats(const ValueView& view, std::vector<float>& out);

/// Called after each step of an observed run; must not throw.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// `outputs`: what the step wrote; step -1 is called first with the network inputs.
  virtual void after_step(int step, std::span<const ValueView> outputs) noexcept = 0;
  /// Asked after each step: true ends the run there.
  virtual bool done() const noexcept { return false; }
};

/// Per-thread state of a Program: arena and team of threads. run() neither allocates nor throws.
class Session {
 public:
  /// `threads` and `first_core` as for ThreadTeam (0: all cores; with a first core the team's own threads are bound, the caller is not).
  explicit Session(std::shared_ptr<const Program> program, int threads = 0,
                   std::optional<int> first_core = std::nullopt);
  ~Session();
  Session(Session&&) noexcept;

  const Program& program() const noexcept;
  int threads() const noexcept;

  /// Buffer of input i, plain order; stays as filled between runs.
  std::span<float> input(std::size_t i) noexcept;
  /// Result of output i after run(), plain order.
  std::span<const float> output(std::size_t i) const noexcept;

  void run() noexcept;
  /// run() that shows every value to an observer as soon as it was written.
  void run(StepObserver& observer) noexcept;
  /// run() that adds the seconds of each step to `seconds` (one element per step).
  void run_profiled(std::span<double> seconds) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace refcalib::engine
