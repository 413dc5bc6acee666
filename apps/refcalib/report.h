#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

namespace refcalib::app {

/// The only place that prints. Results go to the output stream, everything about the way there to the error
/// stream.
class Report {
 public:
  /// `terminal`: the error stream is a terminal, where a progress bar can be redrawn.
  Report(std::ostream& out, std::ostream& err, bool terminal);

  bool terminal() const noexcept { return terminal_; }

  /// A line of results.
  void line(std::string_view text = {});
  /// Several lines, each ending in '\n'.
  void block(std::string_view text);
  /// Something the user may want to know: `note: TEXT`.
  void note(std::string_view text);
  /// Something went wrong but the work goes on: `warning: TEXT`.
  void warning(std::string_view text);
  /// The one line that ends a failed run: `refcalib: TEXT`.
  void error(std::string_view text);
  /// A line of progress.
  void progress(std::string_view text);
  /// Redraws the last line of a terminal; an empty text clears it.
  void redraw(std::string_view text);
  /// False if the results could not be written (disk full, closed pipe).
  bool flush();

 private:
  void say(std::string_view prefix, std::string_view text);

  std::ostream& out_;
  std::ostream& err_;
  bool terminal_;
  std::size_t drawn_ = 0;  ///< length of the line that redraw() left
};

}  // namespace refcalib::app
