#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "engine/core/error.h"

namespace refcalib::engine {

/// Receives the fields of an operation's attributes, one call per field. An attribute struct lists its fields once,
/// in `template <class V> void visit(V& v)`, and printing and comparing follow from that list.
class AttributeVisitor {
 public:
  virtual ~AttributeVisitor() = default;
  virtual void field(std::string_view name, const std::int64_t& value) = 0;
  virtual void field(std::string_view name, const double& value) = 0;
  virtual void field(std::string_view name, const bool& value) = 0;
  virtual void field(std::string_view name, const std::string& value) = 0;
  virtual void field(std::string_view name, const std::vector<std::int64_t>& value) = 0;
  virtual void field(std::string_view name, const std::vector<float>& value) = 0;
};

/// The attributes of one node: any struct with a `visit` member, held by value.
class Attributes {
 public:
  Attributes() = default;

  template <class T>
  static Attributes of(T value) {
    Attributes result;
    result.held_ = std::make_shared<Holder<T>>(std::move(value));
    return result;
  }

  bool empty() const noexcept { return held_ == nullptr; }

  template <class T>
  bool holds() const noexcept {
    return held_ && held_->type() == typeid(T);
  }

  /// The struct inside. Throws Error if the node holds another kind of attributes.
  template <class T>
  const T& as() const {
    if (!holds<T>()) throw Error("internal: a node's attributes are not of the expected kind");
    return static_cast<const Holder<T>&>(*held_).value;
  }

  /// Replaces the struct by a changed copy: `edit<T>([](T& a) { … })`.
  template <class T, class F>
  void edit(F change) {
    T copy = as<T>();
    change(copy);
    *this = of(std::move(copy));
  }

  void visit(AttributeVisitor& visitor) const {
    if (held_) held_->visit(visitor);
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual const std::type_info& type() const noexcept = 0;
    virtual void visit(AttributeVisitor& visitor) const = 0;
  };
  template <class T>
  struct Holder final : Base {
    explicit Holder(T v) : value(std::move(v)) {}
    const std::type_info& type() const noexcept override { return typeid(T); }
    void visit(AttributeVisitor& visitor) const override {
      T copy = value;
      auto adapter = [&visitor](std::string_view name, const auto& member) { visitor.field(name, member); };
      copy.visit(adapter);
    }
    T value;
  };
  std::shared_ptr<const Base> held_;
};

}  // namespace refcalib::engine
