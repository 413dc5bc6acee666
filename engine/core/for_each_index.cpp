#include "engine/core/for_each_index.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/core/parallel.h"

namespace refcalib::engine {

void for_each_index(std::size_t count, int threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto member = [&]() noexcept {
    try {
      for (std::size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
      next = count;
    }
  };
  {
    const auto cores = static_cast<std::size_t>(std::max(threads > 0 ? threads : usable_cores(), 1));
    std::vector<std::jthread> helpers;
    for (std::size_t t = 1; t < std::min(cores, count); ++t) helpers.emplace_back(member);
    member();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace refcalib::engine
