#pragma once

#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine {

/// Runs `work` and returns its result. An Error that leaves it gets the empty fields of its context filled
/// from `outer`; its class is kept, so that callers can still tell a bad file from a missing feature.
template <class F>
decltype(auto) in_context(const ErrorContext& outer, F&& work) {
  const auto raise = [&outer]<class E>(const E& error) {
    const Error filled = error.with(outer);
    throw E(filled.message(), filled.context());
  };
  try {
    return std::forward<F>(work)();
  } catch (const FormatError& error) {
    raise(error);
  } catch (const UnsupportedError& error) {
    raise(error);
  } catch (const IoError& error) {
    raise(error);
  } catch (const UsageError& error) {
    raise(error);
  } catch (const Error& error) {
    raise(error);
  }
  throw Error("internal: unreachable");
}

}  // namespace refcalib::engine
