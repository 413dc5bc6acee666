#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace refcalib::engine {

/// A fixed team of threads that divides index ranges. One team belongs to one Session at a time: run() must
/// not be called by two threads at once, nor from inside a body. The calling thread is member 0; a team of
/// one starts no thread and costs a plain call. Workers wait for the next run() by spinning for some tens of
/// microseconds, then asleep; a team larger than the number of usable cores does not spin, because the
/// spinning would take the time of those who work.
class ThreadTeam {
 public:
  /// `threads` >= 1; 0 means all cores this process may use. With `first_core`, member m is bound to the
  /// usable core number (first_core + m) modulo their count; member 0, the caller, is left to
  /// pin_this_thread(). Throws UsageError for a negative number, Error if threads cannot be started.
  explicit ThreadTeam(int threads, std::optional<int> first_core = std::nullopt);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const noexcept;

  /// Plain function pointer so that a call allocates nothing.
  /// `body(context, begin, end, member)` gets disjoint ranges that cover [0, items) in order of member.
  using Body = void (*)(const void* context, std::int64_t begin, std::int64_t end, int member) noexcept;

  /// Runs the body over [0, items), at most one range per member, each range a multiple of `grain` except the
  /// last. Returns when all are done. The split depends on items, grain and size() alone.
  void run(std::int64_t items, std::int64_t grain, Body body, const void* context) noexcept;

  /// The same for a callable `f(begin, end, member)` that does not throw.
  template <class F>
  void parallel_for(std::int64_t items, std::int64_t grain, const F& f) noexcept {
    run(
        items, grain,
        [](const void* c, std::int64_t b, std::int64_t e, int m) noexcept {
          (*static_cast<const F*>(c))(b, e, m);
        },
        &f);
  }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cores that this process may run on (affinity mask), at least 1.
int usable_cores() noexcept;

/// Binds the calling thread to the core number `index` (modulo their count) of those it may run on now.
/// Returns false where the system refuses.
bool pin_this_thread(int index) noexcept;

}  // namespace refcalib::engine
