#pragma once

#include <cstddef>
#include <functional>

namespace refcalib::engine {

/// Calls work(0) … work(count - 1), each once, on up to `threads` threads (0: all cores) of which the caller is one. The calls must not
/// depend on each other. When one throws, no further ones begin and the first exception is thrown on.
void for_each_index(std::size_t count, int threads, const std::function<void(std::size_t)>& work);

}  // namespace refcalib::engine
