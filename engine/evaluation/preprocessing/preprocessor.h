#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/configuration/fields.h"
#include "engine/evaluation/preprocessing/frame.h"

namespace refcalib::engine {

/// A step between the reader and the network.
class Preprocessor {
 public:
  virtual ~Preprocessor() = default;
  /// Changes the frame. Throws UsageError if the frame does not fit the step.
  virtual void run(Frame& frame) const = 0;
};

/// What a step may need to know of the network.
struct PreprocessContext {
  int input_width = 0, input_height = 0;  ///< of the only picture input; 0: unknown
};

/// A kind of step.
struct PreprocessorRecord {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Preprocessor> (*make)(Fields& fields, const PreprocessContext& context) = nullptr;
  std::vector<std::string_view> aliases{};
};

/// All records, in the order of preprocessors.def.
std::span<const PreprocessorRecord* const> preprocessor_records() noexcept;

/// The step that an entry asks for. Throws FormatError with the place.
std::unique_ptr<Preprocessor> make_preprocessor(Fields& fields, const PreprocessContext& context);

}  // namespace refcalib::engine
