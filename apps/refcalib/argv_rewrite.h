#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::app {

/// A spelling that the option parser cannot declare, for example "-sm", and the option it stands for, for
/// example
/// "--simplified-mode".
struct Alias {
  std::string_view spelling;
  std::string_view option;
};

/// Rewrites the arguments of one subcommand into the names that its options are declared with:
/// - an alias becomes its option, `-sm` -> `--simplified-mode`;
/// - a long name may have one dash and `_` for `-`, `-report_type x` -> `--report-type x`;
/// - an unambiguous prefix of a long name with two dashes is completed, `--definition f` -> `--definitions
/// f`;
/// - a value that is a negative number is joined to its option, `--mean -1,2,3` -> `--mean=-1,2,3`.
/// `--name=value` keeps its value. Everything else, and all behind `--`, stays as it is.
/// `long_names`: the declared names with their dashes ("--mean"); a name is preferred to longer ones that
/// begin with it. Throws UsageError for an ambiguous prefix.
std::vector<std::string> rewrite_arguments(std::span<const std::string> arguments,
                                           std::span<const Alias> aliases,
                                           std::span<const std::string> long_names);

}  // namespace refcalib::app
