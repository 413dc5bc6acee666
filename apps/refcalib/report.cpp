#include "apps/refcalib/report.h"

#include <algorithm>
#include <ostream>

namespace refcalib::app {

Report::Report(std::ostream& out, std::ostream& err, bool terminal)
    : out_(out), err_(err), terminal_(terminal) {}

void Report::line(std::string_view text) {
  redraw({});
  out_ << text << '\n';
}

void Report::block(std::string_view text) {
  redraw({});
  out_ << text;
}

void Report::note(std::string_view text) {
  say("note: ", text);
}
void Report::warning(std::string_view text) {
  say("warning: ", text);
}
void Report::error(std::string_view text) {
  say("refcalib: ", text);
}
void Report::progress(std::string_view text) {
  say("", text);
}

void Report::say(std::string_view prefix, std::string_view text) {
  redraw({});
  out_.flush();  // the two streams often end in one window: keep their order
  std::string one_line(text);
  std::replace_if(
      one_line.begin(), one_line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  err_ << prefix << one_line << '\n' << std::flush;
}

void Report::redraw(std::string_view text) {
  if (text.empty() && drawn_ == 0) return;
  const std::size_t blanks = drawn_ > text.size() ? drawn_ - text.size() : 0;
  err_ << '\r' << text << std::string(blanks, ' ') << (text.empty() ? "\r" : "") << std::flush;
  drawn_ = text.size();
}

bool Report::flush() {
  redraw({});
  return static_cast<bool>(out_.flush());
}

}  // namespace refcalib::app
