#pragma once

#include <stdexcept>
#include <string>

namespace refcalib::engine {

/// Where an error happened and what can be done about it. Empty fields are left out of the message.
struct ErrorContext {
  std::string file{};    ///< file that was read or written
  std::string layer{};   ///< layer or value of the network
  std::string remedy{};  ///< what the user can do
};

/// Base of every error that the engine throws. `what()` is one line:
/// `FILE: layer 'LAYER': WHAT; REMEDY`.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string what, ErrorContext context = {});
  const std::string& message() const noexcept { return message_; }
  const ErrorContext& context() const noexcept { return context_; }

  /// The same error with the empty fields of its context filled from `outer`; used while unwinding through
  /// the layers that know the file or the layer.
  Error with(const ErrorContext& outer) const;

 private:
  std::string message_;
  ErrorContext context_;
};

/// A file cannot be opened, read, or written.
class IoError : public Error {
  using Error::Error;
};
/// A file's content is not what its format demands.
class FormatError : public Error {
  using Error::Error;
};
/// The model is valid but asks for something that is not implemented.
class UnsupportedError : public Error {
  using Error::Error;
};
/// The caller's arguments do not fit together.
class UsageError : public Error {
  using Error::Error;
};

}  // namespace refcalib::engine
