#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_spelling.h"

namespace refcalib::engine::ir {
namespace {

std::vector<LegacyValue*> all_inputs(const LegacyWriter& w) {
  std::vector<LegacyValue*> inputs;
  for (std::size_t i = 0; i < w.input_count(); ++i) inputs.push_back(&w.input(i));
  return inputs;
}

/// Layers whose attributes and inputs are those of v7.
void same(LegacyWriter& w) {
  w.add(w.type(), w.attributes(), all_inputs(w));
}

void detection_output(LegacyWriter& w) {
  if (w.text("num_classes").empty())
    throw UnsupportedError("DetectionOutput without a number of classes has no form in IR version 7",
                           {"", "", "write version 11"});
  AttributeTexts texts = w.attributes({"normalized", "confidence_threshold"});
  // Defaults of the generations differ.
  texts.emplace_back("normalized", w.boolean("normalized", false) ? "1" : "0");
  texts.emplace_back("confidence_threshold", w.text("confidence_threshold", "0"));
  w.add("DetectionOutput", std::move(texts), all_inputs(w));
}

constexpr LegacySpelling kSpellings[] = {
    {"detectionoutput", detection_output},
    {"regionyolo", same},
    {"roipooling", same},
    {"psroipooling", same},
    {"proposal", same},
};

}  // namespace

std::span<const LegacySpelling> detection_spellings() noexcept {
  return kSpellings;
}

}  // namespace refcalib::engine::ir
