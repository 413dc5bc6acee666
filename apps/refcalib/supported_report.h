#pragma once

#include <string>

namespace refcalib::app {

/// The operations that can be read, as aligned columns with what the words in them mean.
std::string supported_text();
/// The same as a page of documentation: docs/operations.md holds exactly this.
std::string supported_markdown();

}  // namespace refcalib::app
