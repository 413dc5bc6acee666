#include "engine/core/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

namespace {

struct Part {
  std::int64_t begin = -1, end = -1;
  std::thread::id thread;
};

// One slot per member: what that member was given.
std::vector<Part> split(ThreadTeam& team, std::int64_t items, std::int64_t grain) {
  std::vector<Part> parts(static_cast<std::size_t>(team.size()));
  team.parallel_for(items, grain, [&parts](std::int64_t begin, std::int64_t end, int member) noexcept {
    parts[static_cast<std::size_t>(member)] = {begin, end, std::this_thread::get_id()};
  });
  return parts;
}

bool same_split(const std::vector<Part>& a, const std::vector<Part>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Part& x, const Part& y) { return x.begin == y.begin && x.end == y.end; });
}

}  // namespace

TEST_CASE("a team covers the range once, in order of member, in whole grains", "[parallel]") {
  for (const int threads : {1, 2, 3, 4, 7, 16}) {
    ThreadTeam team(threads);
    REQUIRE(team.size() == threads);
    for (const std::int64_t items : {1, 2, 3, 7, 8, 15, 16, 17, 64, 100, 1000}) {
      for (const std::int64_t grain : {1, 2, 5, 16, 2000}) {
        CAPTURE(threads, items, grain);
        const auto parts = split(team, items, grain);
        std::int64_t next = 0;
        std::int64_t shortest = items, longest = 0;
        for (const Part& part : parts) {
          if (part.begin < 0) {
            continue;
          }
          CHECK(part.begin == next);
          CHECK(part.begin < part.end);
          CHECK((part.end % grain == 0 || part.end == items));
          next = part.end;
          const std::int64_t grains = (part.end - part.begin + grain - 1) / grain;
          shortest = std::min(shortest, grains);
          longest = std::max(longest, grains);
        }
        CHECK(next == items);
        CHECK(longest - shortest <= 1);
        CHECK(parts[0].begin == 0);
        CHECK(parts[0].thread == std::this_thread::get_id());
        CHECK(same_split(parts, split(team, items, grain)));
      }
    }
  }
}

TEST_CASE("members are different threads", "[parallel]") {
  ThreadTeam team(5);
  auto parts = split(team, 5, 1);
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.thread < b.thread; });
  CHECK(std::adjacent_find(parts.begin(), parts.end(),
                           [](const Part& a, const Part& b) { return a.thread == b.thread; }) == parts.end());
}

TEST_CASE("nothing runs for an empty range", "[parallel]") {
  ThreadTeam team(3);
  std::atomic<int> calls{0};
  for (const std::int64_t items : {0, -1}) {
    team.parallel_for(items, 1, [&calls](std::int64_t, std::int64_t, int) noexcept { ++calls; });
  }
  CHECK(calls == 0);
}

TEST_CASE("a grain below one counts as one", "[parallel]") {
  ThreadTeam team(2);
  CHECK(same_split(split(team, 9, 0), split(team, 9, 1)));
}

TEST_CASE("a team is reused many times and its effects are visible to the caller", "[parallel]") {
  ThreadTeam team(4);
  std::vector<std::int64_t> values(1003, 0);
  for (int round = 0; round < 3000; ++round) {
    const std::int64_t items = 1 + round % static_cast<int>(values.size());
    team.parallel_for(items, 1 + round % 3, [&values](std::int64_t begin, std::int64_t end, int) noexcept {
      for (std::int64_t i = begin; i < end; ++i) {
        ++values[static_cast<std::size_t>(i)];
      }
    });
  }
  std::vector<std::int64_t> expected(values.size(), 0);
  for (int round = 0; round < 3000; ++round) {
    for (int i = 0; i < 1 + round % static_cast<int>(values.size()); ++i) {
      ++expected[static_cast<std::size_t>(i)];
    }
  }
  CHECK(values == expected);
}

TEST_CASE("a team wakes up after its workers went to sleep", "[parallel]") {
  ThreadTeam team(2);
  std::atomic<int> calls{0};
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    team.parallel_for(2, 1, [&calls](std::int64_t, std::int64_t, int member) noexcept {
      if (member == 1) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the caller goes to sleep as well
      }
      ++calls;
    });
    CHECK(calls == 2 * (round + 1));
  }
}

TEST_CASE("several teams run at once", "[parallel]") {
  constexpr int sessions = 4;
  std::int64_t sums[sessions] = {};
  std::vector<std::thread> callers;
  for (std::int64_t& sum : sums) {
    callers.emplace_back([&sum] {
      ThreadTeam team(3);
      for (int round = 0; round < 300; ++round) {
        std::int64_t part[3] = {};
        team.parallel_for(100, 1, [&part](std::int64_t begin, std::int64_t end, int member) noexcept {
          for (std::int64_t i = begin; i < end; ++i) {
            part[member] += i;
          }
        });
        sum += part[0] + part[1] + part[2];
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  for (const std::int64_t sum : sums) {
    CHECK(sum == 300 * 4950);
  }
}

TEST_CASE("teams that never run end cleanly", "[parallel]") {
  for (int i = 0; i < 50; ++i) {
    const ThreadTeam team(1 + i % 4);
    CHECK(team.size() == 1 + i % 4);
  }
}

TEST_CASE("zero threads means all usable cores; a negative number is an error", "[parallel]") {
  CHECK(usable_cores() >= 1);
  CHECK(ThreadTeam(0).size() == usable_cores());
  CHECK_THROWS_AS(ThreadTeam(-1), UsageError);
}

#if defined(__linux__)
TEST_CASE("members of a pinned team may run on one core", "[parallel]") {
  ThreadTeam team(4, 0);
  int cores[4] = {};
  team.parallel_for(
      4, 1, [&cores](std::int64_t, std::int64_t, int member) noexcept { cores[member] = usable_cores(); });
  CHECK(cores[0] == usable_cores());
  for (int member = 1; member < 4; ++member) {
    CHECK(cores[member] == 1);
  }
}

TEST_CASE("a thread pins itself to one of its cores", "[parallel]") {
  int cores = 0;
  bool pinned = false, refused = true;
  std::thread([&] {
    refused = !pin_this_thread(-1);
    pinned = pin_this_thread(5);
    cores = usable_cores();
  }).join();
  CHECK(refused);
  CHECK(pinned);
  CHECK(cores == 1);
}
#endif
