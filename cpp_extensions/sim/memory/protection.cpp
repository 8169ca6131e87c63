#include "protection.h"

#include <signal.h>
#include <sys/mman.h>
#if defined(__linux__) && defined(__aarch64__)
#include <asm/sigcontext.h>
#endif

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "../embedder.h"
#include "addresses.h"

namespace mtia::sim {

namespace {
#ifdef __APPLE__
constexpr int kFault = SIGBUS;
#else
constexpr int kFault = SIGSEGV;
#endif

std::atomic<bool> protecting{false};
std::atomic<int> users{0};  // to whom memory is open, protected or not
std::mutex guard;           // of what follows, and of opening and closing
bool closed = false;        // but for a touch, which opens memory until it is closed again
struct sigaction earlier;   // who handled faults before; read by the handler without the guard

bool allow(int access) noexcept {
  for (int device = 0; device < kMaxDevices; ++device) {
    const Span memory = memory_of_range(device);
    if (memory.bytes > 0 && mprotect(memory.begin, memory.bytes, access) != 0) {
      return false;
    }
  }
  return true;
}

bool open_all() noexcept { return allow(PROT_READ | PROT_WRITE); }

bool is_write([[maybe_unused]] const void* context) noexcept {
#if defined(__linux__) && defined(__x86_64__)
  return (static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#elif defined(__linux__) && defined(__aarch64__)
  // Behind the registers lie records; one holds the fault's syndrome, whose bit 6 is "write".
  const auto& records = static_cast<const ucontext_t*>(context)->uc_mcontext.__reserved;
  esr_context record{};
  for (size_t at = 0; at + sizeof(record) <= sizeof(records); at += record.head.size) {
    std::memcpy(&record, records + at, sizeof(record));
    if (record.head.magic == ESR_MAGIC) {
      return (record.esr >> 6 & 1) != 0;
    }
    if (record.head.magic == 0 || record.head.size == 0) {  // the last
      return false;
    }
  }
  return false;
#else
  return false;
#endif
}

// The fault is not ours: it goes to whoever handled faults before. One that hands it on in turn, as
// Python's faulthandler does when it has printed where the program was, must not get it again.
void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  static std::atomic<bool> passing{false};
  const bool is_default = earlier.sa_handler == SIG_DFL || earlier.sa_handler == SIG_IGN;
  if (passing.exchange(true) || is_default) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  if ((earlier.sa_flags & SA_SIGINFO) != 0) {
    earlier.sa_sigaction(signal, info, context);
  } else {
    earlier.sa_handler(signal);
  }
  passing = false;
}

// Runs between two instructions of whatever touched the memory: a lock is held only if its holder
// reads and writes device memory, so that the embedder may take what else it needs.
void on_fault(int signal, siginfo_t* info, void* context) noexcept {
  const int error = errno;
  const int device = info->si_code > 0 ? device_of(info->si_addr) : -1;
  const int64_t offset = device < 0 ? -1 : offset_of(info->si_addr);
  const bool is_memory =
      device >= 0 && offset < static_cast<int64_t>(memory_of_range(device).bytes);
  if (!is_memory || !open_all()) {
    pass_on(signal, info, context);
  } else if (protecting) {
    embedder().host_touched({device, offset, is_write(context)});
  }
  errno = error;
}

// Whoever began to handle faults since, and would take ours for a crash, gets what is not ours.
void handle_faults() noexcept {
  struct sigaction ours{};
  struct sigaction now{};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  sigaction(kFault, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) == 0 || now.sa_sigaction != on_fault) {
    earlier = now;
    sigaction(kFault, &ours, nullptr);
  }
}
}  // namespace

void set_protection(bool on) {
  const std::lock_guard<std::mutex> held(guard);
  if (on) {
    handle_faults();
  }
  const bool before = protecting.exchange(on);  // first: who comes now waits, or is counted below
  closed = on && users == 0;
  if (!allow(closed ? PROT_NONE : PROT_READ | PROT_WRITE)) {
    const char* why = std::strerror(errno);
    protecting = before;
    closed = false;
    open_all();
    throw Error(str("the system does not let device memory be ", on ? "closed" : "opened", " (",
                    why,
                    "): a limit on memory or on mappings is set, by `ulimit -v`, a container or "
                    "vm.max_map_count; raise it, or go without protection"));
  }
}

bool protects() noexcept { return protecting; }

void close_memory() noexcept {
  if (!protecting) {
    return;
  }
  const std::lock_guard<std::mutex> held(guard);
  if (protecting && users == 0) {
    handle_faults();
    closed = allow(PROT_NONE);
  }
}

OpenMemory::OpenMemory() noexcept {
  ++users;
  if (protecting) {
    const std::lock_guard<std::mutex> held(guard);
    if (closed) {
      closed = !open_all();
    }
  }
}

OpenMemory::~OpenMemory() {
  if (--users == 0) {
    close_memory();
  }
}

}  // namespace mtia::sim
