#pragma once

#include <string>

namespace refcalib_fuzz {

/// The two files of an IR model in memory: the text of the .xml and the bytes of the .bin.
struct ModelFiles {
  std::string name;  ///< of the model that it was made from, for reports
  std::string xml;
  std::string bin;
};

}  // namespace refcalib_fuzz
