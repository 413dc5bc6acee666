#include <cstdint>
#include <memory>
#include <span>

#include "bench/memory/loop.h"
#include "tests/toolkit/isa_forms.h"

namespace refcalib_bench {
namespace {

using refcalib_test::IsaForms;

constexpr refcalib::QuantParams kParams{0.02F, 128, refcalib::kUint8};
constexpr refcalib::OutputCode kCode{128, refcalib::kUint8};
constexpr std::size_t kChannels = 64;

template <class T>
std::span<const T> input(const std::byte* in, std::size_t n) {
  return {reinterpret_cast<const T*>(in), n};
}
template <class T>
std::span<T> output(std::byte* out, std::size_t n) {
  return {reinterpret_cast<T*>(out), n};
}

void add_conversions(const IsaForms& isa, const std::string& tail, std::vector<Loop>& loops) {
  loops.push_back({"toolkit/quantize_u8" + tail, 4, 1, 64, [isa](auto* in, auto* out, std::size_t n) {
                     return
                         [=] { isa.u8.quantize(input<float>(in, n), output<std::uint8_t>(out, n), kParams); };
                   }});
  loops.push_back({"toolkit/dequantize_u8" + tail, 1, 4, 64, [isa](auto* in, auto* out, std::size_t n) {
                     return [=] {
                       isa.u8.dequantize(input<std::uint8_t>(in, n), output<float>(out, n), kParams);
                     };
                   }});
  loops.push_back({"toolkit/quantize_i16" + tail, 4, 2, 64, [isa](auto* in, auto* out, std::size_t n) {
                     constexpr refcalib::QuantParams params{0.001F, 0, {-32768, 32767}};
                     return
                         [=] { isa.i16.quantize(input<float>(in, n), output<std::int16_t>(out, n), params); };
                   }});
  loops.push_back({"toolkit/fake_quantize" + tail, 4, 4, 64, [isa](auto* in, auto* out, std::size_t n) {
                     return [=] { isa.fake_quantize(input<float>(in, n), output<float>(out, n), kParams); };
                   }});
  loops.push_back({"toolkit/requantize_u8" + tail, 4, 1, 64, [isa](auto* in, auto* out, std::size_t n) {
                     return [=] {
                       isa.u8.requantize(input<std::int32_t>(in, n), output<std::uint8_t>(out, n), 0.003F,
                                         kCode);
                     };
                   }});
  loops.push_back({"toolkit/requantize_q31_u8" + tail, 4, 1, 64, [isa](auto* in, auto* out, std::size_t n) {
                     const refcalib::FixedMultiplier multiplier = refcalib::quantize_multiplier(0.003);
                     return [=] {
                       isa.u8.requantize_fixed(input<std::int32_t>(in, n), output<std::uint8_t>(out, n),
                                               multiplier, kCode);
                     };
                   }});
}

void add_observers(const IsaForms& isa, const std::string& tail, std::vector<Loop>& loops) {
  loops.push_back({"toolkit/min_max" + tail, 4, 0, 64, [isa](auto* in, auto*, std::size_t n) {
                     auto observer = std::make_shared<refcalib::MinMaxObserver>();
                     return [=] { isa.min_max(*observer, input<float>(in, n)); };
                   }});
  loops.push_back({"toolkit/channel_min_max" + tail, 4, 0, kChannels, [isa](auto* in, auto*, std::size_t n) {
                     auto observer = std::make_shared<refcalib::ChannelMinMaxObserver>(kChannels);
                     return [=] {
                       isa.channels_last(*observer, reinterpret_cast<const float*>(in), n / kChannels,
                                         kChannels);
                     };
                   }});
  loops.push_back({"toolkit/histogram" + tail, 4, 0, 64, [isa](auto* in, auto*, std::size_t n) {
                     auto histogram = std::make_shared<refcalib::Histogram>();
                     return [=] { histogram->update(input<float>(in, n), isa.histogram); };
                   }});
}

}  // namespace

std::vector<Loop> toolkit_loops() {
  std::vector<Loop> loops;
  for (const IsaForms& isa : refcalib_test::available_isa_forms()) {
    const std::string tail = "/" + std::string(isa.name);
    add_conversions(isa, tail, loops);
    add_observers(isa, tail, loops);
  }
  return loops;
}

}  // namespace refcalib_bench
