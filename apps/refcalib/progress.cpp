#include "apps/refcalib/progress.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "apps/refcalib/text.h"
#include "engine/core/error.h"

namespace refcalib::app {

ProgressStyle parse_progress(const std::string& text, bool terminal) {
  using Kind = ProgressStyle::Kind;
  std::string word = text;
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (word == "none") return {Kind::none};
  if (word.empty() || word == "bar") return {terminal ? Kind::bar : Kind::print};
  if (word == "print") return {Kind::print};
  ProgressStyle style{Kind::print};
  if (word.starts_with("print:")) {
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data() + 6, end, style.every);
    if (error == std::errc() && stop == end && style.every > 0) return style;
  }
  throw engine::UsageError("--progress '" + text + "' is unknown; it may be bar, print, print:N or none");
}

std::string progress_bar(std::size_t done, std::size_t all, double seconds) {
  constexpr std::size_t width = 30;
  const double part = all == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(all);
  const auto filled = std::min(width, static_cast<std::size_t>(part * static_cast<double>(width)));
  std::string percent = std::to_string(static_cast<int>(part * 100));
  percent.insert(0, 3 - std::min<std::size_t>(3, percent.size()), ' ');
  std::string text = "[" + std::string(filled, '#') + std::string(width - filled, '.') + "] " + percent +
                     " %  " + std::to_string(done) + "/" + std::to_string(all);
  if (done > 0 && done < all)
    text += "  time left " + duration(seconds / static_cast<double>(done) * static_cast<double>(all - done));
  return text;
}

ProgressMeter::ProgressMeter(Report& report, ProgressStyle style, std::string what)
    : report_(report), style_(style), what_(std::move(what)) {
  if (style_.kind == ProgressStyle::Kind::print) drawn_ = start_;  // the first line comes after its interval
}

void ProgressMeter::update(std::size_t done, std::size_t all) {
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - start_).count();
  if (style_.kind == ProgressStyle::Kind::bar) {
    if (done < all && now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    report_.redraw(done < all ? what_ + " " + progress_bar(done, all, seconds) : std::string());
  } else if (style_.kind == ProgressStyle::Kind::print) {
    const bool due = style_.every != 0 ? done % style_.every == 0 : now - drawn_ >= std::chrono::seconds(5);
    if (!due && done != all) return;
    drawn_ = now;
    std::string text = what_ + ": " + std::to_string(done) + " of " + std::to_string(all);
    if (done > 0 && done < all)
      text +=
          ", time left " + duration(seconds / static_cast<double>(done) * static_cast<double>(all - done));
    report_.progress(text);
  }
}

}  // namespace refcalib::app
