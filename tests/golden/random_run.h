#pragma once

#include <cstdint>

#include "engine/formats/model.h"
#include "engine/runtime/program.h"

namespace refcalib_test {

/// Fills all inputs with the uniform numbers of `--random 7`, sample by sample.
void fill_random(refcalib::engine::Session& session, std::uint64_t sample);

/// FNV-1a over the bytes of all outputs after one run on random inputs.
std::uint64_t run_hash(const refcalib::engine::Graph& graph, refcalib::engine::Isa isa, bool int8,
                       int threads);

/// The model's document, calibrated on three random samples, as `calibrate` writes it.
refcalib::engine::ir::Document calibrated(const refcalib::engine::Model& model);

}  // namespace refcalib_test
