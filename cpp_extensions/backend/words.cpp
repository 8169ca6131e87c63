#include "words.h"

#include <cstdio>
#include <map>
#include <string_view>

#include "../sim/memory/addresses.h"
#include "../sim/text.h"

namespace mtia::backend {

namespace {
std::string readable(int64_t bytes) {
  static const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(static_cast<uint64_t>(bytes));
  int unit = 0;
  for (; amount >= 1024; ++unit) {
    amount /= 1024;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.2f %s", amount, units[unit]);
  return text;
}

// What the figures say is the matter.
std::string advice(const sim::OutOfMemory& error) {
  if (error.asked < 0 || error.asked > error.total) {
    return "No more than its capacity can ever be allocated: work on smaller pieces";
  }
  if (error.asked <= error.free + error.cached) {
    return "Together that would do, but it is in pieces: cached memory can only be used again by "
           "the stream it was allocated on, and only be given back in whole segments, of which "
           "no part is in use. Allocate large tensors first, and let tensors that live long not "
           "come in between; torch.mtia.snapshot() shows the segments";
  }
  return "Let go of tensors (del x), work on smaller batches, or see which line holds the memory: "
         "call torch.mtia.record_memory_history() first and torch.mtia.snapshot() here";
}
}  // namespace

std::string name_of(const char* function) {
  static const std::map<std::string_view, const char*> names{
      {"begin_capture", "graphCaptureBegin"},
      {"elapsed_ms", "elapsedTime"},
      {"empty_cache", "emptyCache"},
      {"end_capture", "graphCaptureEnd"},
      {"exchange_stream", "exchangeStream"},
      {"graph_as_dot", "graphDump"},
      {"instantiate", "graphInstantiate"},
      {"new_graph", "graphCreate"},
      {"new_pool", "graphPoolHandle"},
      {"new_stream", "getNewStream"},
      {"pool_of", "graphPool"},
      {"pool_stream", "getStreamFromGlobalPool"},
      {"query_event", "queryEvent"},
      {"query_stream", "queryStream"},
      {"record_use", "recordStream"},
      {"replay", "graphReplay"},
      {"reset_graph", "graphReset"},
      {"schedule_name", "schedule"},
      {"set_device", "setDevice"},
      {"set_device_count", "load"},
      {"synchronize_device", "synchronizeDevice"},
      {"synchronize_event", "synchronizeEvent"},
      {"synchronize_stream", "synchronizeStream"},
      {"synchronize_uses", "seeding or reading a generator"},
      {"wait", "block"},
  };
  const auto found = names.find(function);
  return found == names.end() ? function : found->second;
}

std::string advice(sim::Advice about, int64_t number) {
  using sim::Advice;
  switch (about) {
    case Advice::CaptureGoesOn:
      return ". Call capture_end() first";
    case Advice::CaptureIsKept:
      return ". Call reset() first, or make another";
    case Advice::CountIsFixed:
      return sim::str(
          " and PyTorch sizes its thread pool and generators by that number only once. Restart the "
          "kernel to load with devices=",
          number);
    case Advice::EndedElsewhere:
      return ". Leave every `with stream:` before";
    case Advice::Forked:
      return ". Start the process with multiprocessing's 'spawn' method, or fork before the first "
             "use of MTIA";
    case Advice::Instantiated:
      return ". To do it yourself, make the graph with keep_graph=True";
    case Advice::NeverJoined:
      return ". Call wait_stream on that stream before the capture ends";
    case Advice::NothingCaptured:
      return ". Call capture_begin() and capture_end(), or use `with torch.mtia.graph(g):`";
    case Advice::NotCapturing:
      return ". Call capture_begin() first";
    case Advice::NoTiming:
      return ". Make both with torch.Event(enable_timing=True)";
    case Advice::ReportedAtEnd:
      return ". Call torch.accelerator.synchronize() at its end to meet such an error as an "
             "exception";
    case Advice::ReportedLate:
      return ". mtia_lab.configure(schedule='blocking') reports a failure at its launch";
    case Advice::UnknownDevice:
      return ". Their number is fixed by mtia_lab.load(devices=...)";
    case Advice::UnknownPool:
      return ". Take one from torch.mtia.graph_pool_handle() or from pool() of another graph";
    case Advice::UnknownStream:
      return sim::str(". A stream handle is only three numbers; make one with torch.Stream('mtia:",
                      number, "')");
    case Advice::WaitsInCapture:
      return ". (item(), printing, copies from and to pageable memory, operators whose result's "
             "size depends on values, and seeding wait, too)";
    case Advice::WorkIsPending:
      return sim::str(". Call torch.mtia.synchronize(", number, ") first");
  }
  return "";
}

std::string out_of_memory(const sim::OutOfMemory& error) {
  const std::string waiting =
      error.waiting > 0 ? ", " + readable(error.waiting) + " freed but in use by other streams"
                        : "";
  const std::string larger =
      error.total < static_cast<int64_t>(sim::kRange)
          ? ". mtia_lab.configure(profile=mtia_lab.Profile(memory_bytes=...)) makes the device "
            "larger, up to 128 GiB"
          : "";
  return sim::str("MTIA out of memory: mtia:", error.device, " cannot allocate ",
                  readable(error.asked), ". Of its ", readable(error.total), ", ",
                  readable(error.free), " are free and ", readable(error.reserved),
                  " are reserved by PyTorch: ", readable(error.allocated),
                  " allocated to tensors, ", readable(error.cached), " cached but unallocated",
                  waiting, ". ", advice(error), larger);
}

std::string touched(const sim::Touch& touch, const std::string& where) {
  const std::string instead = touch.wrote ? "Write by x.copy_(values), which a command does"
                                          : "Read a copy: x.cpu(), x.tolist() or x.item()";
  return sim::str("the host ", touch.wrote ? "wrote to" : "read", " device memory", where,
                  " (byte ", touch.offset, " of mtia:", touch.device,
                  "). Only commands of the device may touch it: on an accelerator this would end "
                  "the process, and here it waits for no command. ",
                  instead, "; mtia_lab.configure(protect=False) lets the host touch device memory");
}

}  // namespace mtia::backend
