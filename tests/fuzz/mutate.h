#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/model_files.h"
#include "tests/support/random.hpp"

namespace refcalib_fuzz {

/// Case `number` of the loop with this seed: a seed model with one to four mutations of its text's structure, its
/// text's bytes or its weights. A function of its arguments alone: any case can be made again by its number.
ModelFiles mutated_case(const std::vector<ModelFiles>& seeds, std::uint64_t seed, std::uint64_t number);

/// One to four changes of elements and attributes: values replaced by extreme ones, swapped, deleted or
/// duplicated; layers, ports and edges removed, repeated or rewired; types and element types changed.
void mutate_structure(std::string& xml, refcalib_test::Random& random);

/// One to four changes without regard to structure: flipped bits, bytes inserted, deleted or copied, a cut end.
void mutate_bytes(std::string& bytes, refcalib_test::Random& random);

/// One to four changes of the fields of a message in the wire format of protocol buffers, at any depth.
void mutate_protobuf(std::string& bytes, refcalib_test::Random& random);

/// One to four changes of the numbers, words, strings and lines of a text of protocol buffers.
void mutate_prototxt(std::string& text, refcalib_test::Random& random);

/// Changes of the weights: those of mutate_bytes, or elements of a blob of `xml` replaced by extreme values.
void mutate_weights(ModelFiles& model, refcalib_test::Random& random);

/// A random element of a container that is not empty.
template <class Container>
decltype(auto) pick(Container&& items, refcalib_test::Random& random) {
  return items[static_cast<std::size_t>(random.bits() % items.size())];
}

/// True in `share` of 100 draws.
inline bool chance(refcalib_test::Random& random, int share) {
  return random.integer(0, 99) < share;
}

}  // namespace refcalib_fuzz
