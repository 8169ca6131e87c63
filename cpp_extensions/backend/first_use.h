// What is put off until the device is really used, so that loading the library stays quick.
#pragma once

namespace mtia::backend {

// `prepare` will run once, before the first use. Set while the library is loaded.
void before_first_use(void (*prepare)());

// The device is being initialized, or its first tensor made without that: C++ may do so.
void first_use();

}  // namespace mtia::backend
