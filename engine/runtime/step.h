#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/pair_proof.h"
#include "engine/core/parallel.h"
#include "engine/cpu/isa.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Memory that is 64-byte aligned, zero at first, and readable for 64 bytes behind its end. Large pieces come from the system in large
/// pages, where it has some.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::size_t size);
  std::byte* data() noexcept { return data_.get(); }
  const std::byte* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }
  template <class T>
  T* as() noexcept {
    return reinterpret_cast<T*>(data_.get());
  }
  template <class T>
  const T* as() const noexcept {
    return reinterpret_cast<const T*>(data_.get());
  }

 private:
  struct Free {
    std::size_t mapped;  ///< bytes to give back to the system; 0: memory of the heap
    Free() noexcept : mapped(0) {}
    explicit Free(std::size_t bytes) noexcept : mapped(bytes) {}
    void operator()(std::byte* p) const noexcept;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

/// Where a tensor lies: in the session's arena, or in constant memory that the program owns.
struct Operand {
  const std::byte* constant = nullptr;  ///< not null: constant memory
  std::size_t offset = 0;               ///< else: offset in the arena
};

/// What a step sees of one run.
struct RunContext {
  std::byte* arena;
  std::byte* scratch;          ///< scratch of member 0
  std::size_t scratch_stride;  ///< bytes from one member's scratch to the next
  ThreadTeam& team;

  const std::byte* read(const Operand& o) const noexcept {
    return o.constant ? o.constant : arena + o.offset;
  }
  std::byte* write(const Operand& o) const noexcept { return arena + o.offset; }
  std::byte* scratch_of(int member) const noexcept {
    return scratch + scratch_stride * static_cast<std::size_t>(member);
  }
};

/// One bound operation of a Program: geometry, packed constants, operands. Immutable; run() may be called by several sessions at once.
class Step {
 public:
  virtual ~Step() = default;
  /// What takes long and depends on no other step, such as packing weights: called once, before everything else, for several steps
  /// at a time by several threads. May throw.
  virtual void prepare() {}
  virtual void run(const RunContext& context) const noexcept = 0;
  /// Name of the kernel for reports, e.g. "conv_u8s8/avx512vnni/6x64".
  virtual std::string kernel() const = 0;
  /// Scratch bytes per member of the team.
  virtual std::size_t scratch_bytes() const { return 0; }
  /// Multiply-accumulates of one run; 0 for steps that are not counted.
  virtual std::int64_t macs() const { return 0; }
  /// By what sums of pairs in int16 cannot saturate, if the kernel makes such sums.
  virtual PairProof pairs() const { return {}; }
  /// Bytes of packed constants.
  virtual std::size_t constant_bytes() const { return 0; }
};

/// A tensor as a step uses it. Channels-last: [batch * spatial] pixels of `channels` elements, `pixel_stride` apart.
struct TensorRef {
  Operand where;
  DType dtype = DType::f32;
  Layout layout = Layout::plain;
  Shape shape;                                 ///< file order
  std::int64_t pixel_stride = 0;               ///< channels-last only, in elements
  const Quantization* quantization = nullptr;  ///< set if dtype is u8 and the value is quantized

  std::int64_t count() const { return element_count(shape); }
  std::int64_t channels() const { return shape.size() > 1 ? shape[1] : 1; }
  /// Pixels over batch and space.
  std::int64_t pixels() const { return channels() == 0 ? 0 : count() / channels(); }
};

/// What planning an operation may ask for.
class PlanContext {
 public:
  virtual ~PlanContext() = default;
  virtual const Graph& graph() const noexcept = 0;
  virtual Isa isa() const noexcept = 0;
  /// False: sums may be reassociated, see CompileOptions::exact.
  virtual bool exact() const noexcept = 0;
  /// The memory of a value that is computed at run time, or of a constant (plain order, f32).
  virtual TensorRef tensor(ValueId id) const = 0;
  /// The same, but a constant as elements of `dtype`. (A value that is computed keeps its own type.)
  virtual TensorRef tensor(ValueId id, DType dtype) const = 0;
  /// Constant data as floats.
  std::vector<float> floats(ValueId id) const { return graph().value(id).constant.to_floats(); }
};

}  // namespace refcalib::engine
