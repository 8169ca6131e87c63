// Faults that a sanitizer has to report, so that silence about the device means something.
#include <climits>
#include <memory>
#include <thread>

extern "C" {

int use_after_free() {
  auto owner = std::make_unique<int>(7);
  volatile int* left = owner.get();
  owner.reset();
  return *left;
}

int overflow(int one) { return INT_MAX + one; }

int data_race() {
  int shared = 0;
  std::thread other([&] { ++shared; });
  ++shared;
  other.join();
  return shared;
}

}  // extern "C"
