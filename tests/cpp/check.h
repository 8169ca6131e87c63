// A test framework of one page: CHECK, RAISES, and a list of named tests.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#define CHECK(condition)                                                           \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                                \
    }                                                                              \
  } while (false)

// The message of the error that `call` must throw.
#define RAISES(call) raised([&] { call; }, __FILE__, __LINE__, #call)

std::string raised(const std::function<void()>& call, const char* file, int line, const char* text);

struct Test {
  const char* name;
  void (*run)();
};

extern const std::vector<Test> kSingleThreaded;
extern const std::vector<Test> kMemory;
extern const std::vector<Test> kMultiThreaded;
extern const std::vector<Test> kMemoryOfThreads;
extern const std::vector<Test> kGraphs;
extern const std::vector<Test> kGraphsOfThreads;
