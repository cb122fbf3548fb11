// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#include "console.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "verilated.h"  // declares vl_stop and the others

namespace siov {
namespace {

/// Enough for the text around a failure; a model may print for hours.
constexpr size_t kMaxText = 16 * 1024;

thread_local Console* current = nullptr;

void fail(const char* what, const char* file, int line) {
  std::string reason = what;
  if (file != nullptr && *file != '\0') {
    reason += std::string(" at ") + file + ":" + std::to_string(line);
  }
  if (current == nullptr) {
    std::fprintf(stderr, "%s\n", reason.c_str());
    std::abort();
  }
  current->fail(reason);
}

}  // namespace

void Console::print(const char* text) {
  if (text_.size() > kMaxText) {
    if (failed_) return;
    text_.erase(0, text_.size() - kMaxText / 2);
  }
  text_ += text;
}

void Console::fail(const std::string& reason) {
  failed_ = true;
  print((reason + '\n').c_str());
}

Console::Bind::Bind(Console& console) : outer_(current) { current = &console; }
Console::Bind::~Bind() { current = outer_; }

}  // namespace siov

int siov_printf(const char* format, ...) {
  char text[2048];
  va_list args;
  va_start(args, format);
  const int length = std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  if (siov::current != nullptr) {
    siov::current->print(text);
  } else {
    std::fputs(text, stderr);
  }
  return length;
}

// What Verilated code calls instead of ending the process.

void vl_stop(const char* file, int line, const char*) { siov::fail("$stop", file, line); }

void vl_finish(const char* file, int line, const char*) { siov::fail("$finish", file, line); }

void vl_fatal(const char* file, int line, const char*, const char* message) {
  siov::fail(message, file, line);
}

void vl_warn(const char*, int, const char*, const char* message) {
  siov_printf("warning: %s\n", message);
}
