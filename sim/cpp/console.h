// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

/// Where Verilated code prints to (VL_PRINTF). Included before everything in every C++ file.
__attribute__((format(printf, 1, 2))) int siov_printf(const char* format, ...);

namespace siov {

/// What a model printed and why it stopped. Verilated code calls free functions, without saying
/// for which model; `Bind` says it. Without one, text goes to stderr and a failure aborts.
class Console {
 public:
  /// True after an assertion, $stop, $fatal or $finish.
  bool failed() const { return failed_; }

  /// What was printed up to the failure, and all that failed in the same clock.
  const std::string& text() const { return text_; }

  void print(const char* text);
  void fail(const std::string& reason);

  /// Makes a console the one that this thread's models print to, for as long as it lives.
  class Bind {
   public:
    explicit Bind(Console& console);
    ~Bind();
    Bind(const Bind&) = delete;
    Bind& operator=(const Bind&) = delete;

   private:
    Console* outer_;
  };

 private:
  bool failed_ = false;
  std::string text_;
};

}  // namespace siov
