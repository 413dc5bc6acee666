#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "engine/core/dtype.h"
#include "engine/formats/ir/mapped_file.h"
#include "engine/formats/onnx/onnx.pb.h"
#include "engine/graph/constant.h"

namespace refcalib::engine::onnx {

/// Element types by their number in the format.
enum class ElementType : int {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  text = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
  u4 = 21,
  i4 = 22,
};

/// The element type that a tensor has while running: floating point of any width is f32, integers of 4 bits take a byte.
/// Throws UnsupportedError for texts, complex numbers and floats of 8 bits.
DType running_type(int element_type);

/// Reads tensors of one model.
class TensorReader {
 public:
  /// `model` keeps alive what constants are views of; external data is looked for beside `file`.
  TensorReader(std::shared_ptr<const proto::ModelProto> model, std::filesystem::path file)
      : model_(std::move(model)), folder_(file.parent_path()) {}

  /// The elements in their running type. Throws FormatError for data that does not fit type and shape, IoError for external data that is
  /// missing, UnsupportedError.
  Constant read(const proto::TensorProto& tensor);

 private:
  struct Bytes {
    std::span<const std::byte> data;
    std::shared_ptr<const void> owner;
  };
  Bytes external(const proto::TensorProto& tensor);

  std::shared_ptr<const proto::ModelProto> model_;
  std::filesystem::path folder_;
  std::map<std::string, ir::MappedFile> files_;
};

}  // namespace refcalib::engine::onnx
