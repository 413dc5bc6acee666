#include "engine/kernels/resize/resize.h"

#include <vector>

#include "engine/kernels/resize/reference.h"
#include "tests/support/catch.hpp"
#include "tests/support/guarded_buffer.hpp"
#include "tests/support/random.hpp"
#include "tests/support/runnable.hpp"

using namespace refcalib::engine::kernels;
using refcalib_test::GuardedBuffer;
using refcalib_test::Random;
using refcalib_test::runnable;
using refcalib_test::same_bytes;

namespace {

/// Random taps: between 1 and `most` per output index.
class Taps {
 public:
  Taps(std::int64_t in, std::int64_t out, std::int64_t most, Random& random) : in_(in), out_(out) {
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t k = random.integer(1, most); k > 0; --k) {
        index_.push_back(random.integer(0, in - 1));
        weight_.push_back(random.real(-1, 1));
      }
      first_.push_back(static_cast<std::int64_t>(index_.size()));
    }
  }
  ResizeAxis axis() const { return {first_.data(), index_.data(), weight_.data(), in_, out_}; }

 private:
  std::vector<std::int64_t> first_{0}, index_;
  std::vector<float> weight_;
  std::int64_t in_, out_;
};

struct Problem {
  std::int64_t batch, channels, z_in, z_out, y_in, y_out, x_in, x_out, taps, in_slack, out_slack;
};

const Problem problems[] = {{1, 1, 1, 1, 3, 6, 5, 9, 2, 0, 0},   {2, 3, 1, 1, 4, 3, 7, 2, 4, 0, 5},
                            {1, 16, 1, 1, 2, 4, 2, 4, 2, 0, 0},  {1, 33, 1, 1, 3, 5, 4, 3, 6, 3, 0},
                            {1, 70, 2, 3, 3, 2, 4, 5, 3, 0, 10}, {2, 5, 3, 2, 2, 2, 1, 3, 9, 1, 1},
                            {1, 64, 1, 1, 1, 1, 1, 1, 1, 0, 0}};

template <class T, class Fill, class Reference>
void check(const Problem& p, Random& random, Fill fill, Reference reference,
           ResizeKernels::Run ResizeKernels::*member) {
  const Taps z(p.z_in, p.z_out, p.taps, random), y(p.y_in, p.y_out, p.taps, random),
      x(p.x_in, p.x_out, p.taps, random);
  const auto elements = [&](std::int64_t pixels, std::int64_t stride) {
    return static_cast<std::size_t>((p.batch * pixels - 1) * stride + p.channels);
  };
  GuardedBuffer<T> input(elements(p.z_in * p.y_in * p.x_in, p.channels + p.in_slack));
  fill(input);
  const std::size_t size = elements(p.z_out * p.y_out * p.x_out, p.channels + p.out_slack);
  const std::vector<float> in_scale(128, 0.03F), inv_scale(128, 17.0F);
  ResizeArgs args;
  args.input = input.data();
  args.batch = p.batch;
  args.channels = p.channels;
  args.in_pixel_stride = p.channels + p.in_slack;
  args.out_pixel_stride = p.channels + p.out_slack;
  args.z = z.axis();
  args.y = y.axis();
  args.x = x.axis();
  args.in_scale = in_scale.data();
  args.inv_scale = inv_scale.data();
  args.in_zero_point = 77;
  args.zero_point = 130;
  GuardedBuffer<T> expected(size);
  args.output = expected.data();
  reference(args);
  for (const ResizeKernels& kernels : runnable(resize_kernels())) {
    CAPTURE(kernels.name, p.batch, p.channels, p.taps, p.x_in, p.x_out);
    GuardedBuffer<T> output(size);
    GuardedBuffer<float> scratch(static_cast<std::size_t>(scratch_floats(args)));
    args.output = output.data();
    const std::int64_t items = work_items(args);
    (kernels.*member)(args, scratch.data(), items / 2, items);
    (kernels.*member)(args, scratch.data(), 0, items / 2);
    CHECK(same_bytes(output, expected));
  }
}

}  // namespace

TEST_CASE("interpolation equals its reference", "[resize]") {
  Random random(3);
  for (const Problem& p : problems) {
    check<float>(
        p, random, [&](auto& buffer) { random.fill_real(buffer, -3, 3); },
        [](const ResizeArgs& a) { reference::resize_f32(a); }, &ResizeKernels::f32);
    check<std::uint8_t>(
        p, random, [&](auto& buffer) { random.fill_integer(buffer, 0, 255); },
        [](const ResizeArgs& a) { reference::resize_u8(a); }, &ResizeKernels::u8);
  }
}
