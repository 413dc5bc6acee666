#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// A step from a name and a callable `f(const RunContext&)` that neither allocates nor throws. `scratch_bytes`: what
/// it uses per member of the team.
template <class F>
std::unique_ptr<Step> make_step(std::string name, F f, std::size_t scratch_bytes = 0) {
  class LambdaStep final : public Step {
   public:
    LambdaStep(std::string n, F g, std::size_t scratch)
        : name_(std::move(n)), f_(std::move(g)), scratch_(scratch) {}
    void run(const RunContext& context) const noexcept override { f_(context); }
    std::string kernel() const override { return name_; }
    std::size_t scratch_bytes() const override { return scratch_; }

   private:
    std::string name_;
    F f_;
    std::size_t scratch_;
  };
  return std::make_unique<LambdaStep>(std::move(name), std::move(f), scratch_bytes);
}

/// Bytes of scratch for `count` elements; throws UnsupportedError for more than any network needs.
inline std::size_t scratch_for(std::int64_t count, std::size_t element_size) {
  constexpr std::size_t limit = std::size_t{1} << 28;
  if (static_cast<std::size_t>(count) > limit / element_size)
    throw UnsupportedError("a vector of " + std::to_string(count) + " elements is too long");
  return static_cast<std::size_t>(count) * element_size;
}

/// Splits the units of a kernel call `run(args, begin, end)` over the team. `grain`: units that are worth a thread.
template <class Args, class Run>
void run_units(const RunContext& context, std::int64_t units, std::int64_t grain, const Args& args,
               Run run) noexcept {
  context.team.parallel_for(units, grain,
                            [&](std::int64_t begin, std::int64_t end, int) { run(args, begin, end); });
}

/// Rows that make up about 16 KB of work, at least 1: the grain of element-wise loops over rows.
inline std::int64_t row_grain(std::int64_t row_bytes) noexcept {
  return row_bytes >= 16384 ? 1 : 16384 / (row_bytes > 0 ? row_bytes : 1);
}

}  // namespace refcalib::engine
