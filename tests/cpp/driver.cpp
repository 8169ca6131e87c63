// Drives sim/ from plain C++, for the sanitizers and to prove that it stands without PyTorch.
// usage: driver [threads]
#include "check.h"
#include "runtime.h"

std::string raised(const std::function<void()>& call, const char* file, int line,
                   const char* text) {
  try {
    call();
  } catch (const mtia::sim::Error& error) {
    return error.what();
  }
  std::fprintf(stderr, "%s:%d: no error from: %s\n", file, line, text);
  std::exit(1);
}

int main(int argc, char**) {
  mtia::sim::set_device_count(2);
  const bool threads = argc > 1;
  for (const auto* tests :
       {threads ? &kMultiThreaded : &kSingleThreaded, threads ? &kMemoryOfThreads : &kMemory,
        threads ? &kGraphsOfThreads : &kGraphs}) {
    for (const Test& test : *tests) {
      std::printf("%s\n", test.name);
      std::fflush(stdout);
      test.run();
    }
  }
}
