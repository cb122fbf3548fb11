// Copyright siov contributors.
// Licensed under the Apache License, Version 2.0, see LICENSE for details.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "console.h"
#include "verilated.h"

/// What every block bench needs: a clock, seeded numbers, checks and a main. A bench is one C++
/// file with cases; a process runs one of them, so that each starts out of reset:
///
///     PROGRAM --list      names of all cases
///     PROGRAM CASE [+mutant=N]
///
/// The program ends with 0, with 1 if a check of the bench failed, with 2 if an assertion in the
/// RTL did, with 3 if there is no such case.
namespace siov::bench {

constexpr int kCheckFailed = 1;
constexpr int kAssertionFailed = 2;
constexpr int kNoSuchCase = 3;

struct Case {
  const char* name;
  void (*run)();
  bool legal;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline bool add_case(const Case& c) {
  cases().push_back(c);
  return true;
}

/// One behaviour of the block.
#define CASE(name)                                                                      \
  static void name();                                                                   \
  [[maybe_unused]] static const bool name##_added = siov::bench::add_case({#name, name, true}); \
  static void name()

/// Breaks the block's contract on purpose. An assertion must stop it, so `--list` leaves it out.
#define VIOLATION(name)                                                                 \
  static void name();                                                                   \
  [[maybe_unused]] static const bool name##_added = siov::bench::add_case({#name, name, false}); \
  static void name()

inline uint64_t cycle = 0;
inline std::mt19937_64 random_bits(1);
inline int argc = 0;
inline char** argv = nullptr;

/// A number below `n`.
inline uint32_t below(uint64_t n) { return static_cast<uint32_t>(random_bits() % n); }

inline bool percent(uint32_t p) { return below(100) < p; }

/// Gives the clock in which a check fails its edge.
inline std::function<void()> finish_clock = [] {};

__attribute__((format(printf, 4, 5))) [[noreturn]] inline void fail(const char* file, int line,
                                                                    const char* condition,
                                                                    const char* format, ...) {
  // An assertion that finds the same thing in the same clock is nearer to the cause.
  finish_clock();
  std::fprintf(stderr, "%s:%d: cycle %llu: %s", file, line, static_cast<unsigned long long>(cycle),
               condition);
  va_list values;
  va_start(values, format);
  std::vfprintf(stderr, format, values);
  va_end(values);
  std::fputc('\n', stderr);
  std::exit(kCheckFailed);
}

/// CHECK(condition), or CHECK(condition, "format", values...).
#define CHECK(condition, ...)                                                                    \
  do {                                                                                           \
    if (!(condition)) siov::bench::fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__);         \
  } while (false)

/// A block and its clock. An assertion in it ends the process.
template <typename Top>
class Clocked {
 public:
  VerilatedContext context;
  Top top{&context};

  Clocked() {
    context.commandArgs(argc, argv);
    finish_clock = [this] { edge(); };
  }
  ~Clocked() { finish_clock = [] {}; }

  /// Lets outputs follow inputs within the clock.
  void settle() { guarded([this] { top.eval(); }); }

  /// The edge at the end of the clock.
  void edge() {
    guarded([this] {
      top.clk_i = 1;
      top.eval();
      top.clk_i = 0;
      top.eval();
    });
    ++cycle;
  }

 private:
  template <typename F>
  void guarded(F f) {
    Console::Bind bind(console_);
    f();
    if (console_.failed()) {
      std::fprintf(stderr, "cycle %llu: %s", static_cast<unsigned long long>(cycle),
                   console_.text().c_str());
      std::exit(kAssertionFailed);
    }
  }

  Console console_;
};

inline int main(int count, char** words) {
  argc = count;
  argv = words;
  const char* wanted = argc > 1 ? argv[1] : "";
  if (std::strcmp(wanted, "--list") == 0) {
    for (const Case& c : cases()) {
      if (c.legal) std::puts(c.name);
    }
    return 0;
  }
  for (const Case& c : cases()) {
    if (std::strcmp(wanted, c.name) == 0) {
      c.run();
      return 0;
    }
  }
  std::fprintf(stderr, "no case %s\n", wanted);
  return kNoSuchCase;
}

}  // namespace siov::bench
