#pragma once

#include <string>

namespace refcalib_fuzz {

/// The files of a model in memory: the text of the .xml or .prototxt and the bytes of the .bin or .caffemodel, or the bytes of an .onnx alone.
struct ModelFiles {
  std::string name;  ///< of the model that it was made from, for reports
  std::string xml;
  std::string bin;
  std::string extension = ".xml";  ///< of the file that `xml` holds
};

}  // namespace refcalib_fuzz
