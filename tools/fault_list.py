"""Ways to get a backend wrong, one method at a time. fault_workshop.py plants them.

`at` is the tag of a piece of C++, as `mtia_lab.source` takes it: a fault moves with its function.
There `old` must stand exactly once, however its lines are broken; `new` takes its place.
test_faults.py checks that, so a change of the C++ that rewrites it is noticed at once.
Only what a public name of PyTorch can tell from the right thing is here: no notebook could notice
a wrong `getDefaultStream` of the guard, which only C++ calls, or a `getNewStream` that ignores its
device, as PyTorch makes that device current first.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One fault: a name, the tag of the C++ it is in, the text it replaces, what is wrong then."""

    name: str
    at: str
    old: str
    new: str
    about: str


FAULTS = [
    # --- Guard: devices ---------------------------------------------------------------------------
    Fault(
        "guard-exchange-device-forgets",
        "guard.exchange_device",
        "to_device(sim::exchange_device(to_index(device)))",
        "to_device(sim::current_device())",
        "exchangeDevice says which device is current and changes nothing",
    ),
    Fault(
        "guard-exchange-device-new",
        "guard.exchange_device",
        "return to_device(sim::exchange_device(to_index(device)));",
        "sim::set_device(to_index(device)); return device;",
        "exchangeDevice returns the new device instead of the previous one",
    ),
    Fault(
        "guard-get-device-zero",
        "guard.get_device",
        "to_device(sim::current_device())",
        "to_device(0)",
        "getDevice always says 0",
    ),
    Fault(
        "guard-set-device-forgets",
        "guard.set_device",
        "[&] { sim::set_device(to_index(device)); }",
        "[&] { to_index(device); }",
        "setDevice checks the device and does not set it",
    ),
    Fault(
        "guard-unchecked-nothing",
        "guard.unchecked_set_device",
        "[&] { sim::set_device_if_valid(device.index()); }",
        "[&] {}",
        "uncheckedSetDevice does nothing",
    ),
    Fault(
        "guard-device-count",
        "guard.device_count",
        "static_cast<c10::DeviceIndex>(sim::device_count())",
        "static_cast<c10::DeviceIndex>(sim::device_count() + 1)",
        "deviceCount counts one too many",
    ),
    # --- Guard: streams ---------------------------------------------------------------------------
    Fault(
        "guard-get-stream-device",
        "guard.get_stream",
        '"getStream", [&] { return to_stream(sim::current_stream(to_index_or_current(device))); }',
        '"getStream", [&] { return to_stream(sim::current_stream(sim::current_device())); }',
        "getStream answers for the current device, whichever is asked for",
    ),
    Fault(
        "guard-get-stream-default",
        "guard.get_stream",
        '"getStream", [&] { return to_stream(sim::current_stream(to_index_or_current(device))); }',
        '"getStream", [&] { return to_stream({to_index_or_current(device), 0}); }',
        "getStream always gives the default stream",
    ),
    Fault(
        "guard-new-stream-priority",
        "guard.get_new_stream",
        "sim::new_stream(to_index_or_current(device), priority)",
        "sim::new_stream(to_index_or_current(device), 0)",
        "getNewStream drops the priority",
    ),
    Fault(
        "guard-new-stream-current",
        "guard.get_new_stream",
        "return to_stream(sim::new_stream(to_index_or_current(device), priority));",
        "const auto made = sim::new_stream(to_index_or_current(device), priority);"
        " sim::exchange_stream(made); return to_stream(made);",
        "getNewStream also makes its stream current",
    ),
    Fault(
        "new-stream-same-id",
        "streams.new_stream",
        "  return add_stream(lock, device, priority);",
        "  const auto& made = device_at(lock, device).streams;\n"
        "  return made.size() > 1 ? made[1].ref : add_stream(lock, device, priority);",
        "getNewStream gives the same stream every time",
    ),
    Fault(
        "guard-exchange-stream-forgets",
        "guard.exchange_stream",
        "return to_stream(sim::exchange_stream(to_ref(stream)));",
        "return to_stream(sim::current_stream(to_ref(stream).device));",
        "exchangeStream says which stream is current and stores nothing",
    ),
    Fault(
        "guard-exchange-stream-new",
        "guard.exchange_stream",
        "return to_stream(sim::exchange_stream(to_ref(stream)));",
        "sim::exchange_stream(to_ref(stream)); return stream;",
        "exchangeStream returns the new stream instead of the previous one",
    ),
    Fault(
        "guard-exchange-stream-device",
        "guard.exchange_stream",
        "return to_stream(sim::exchange_stream(to_ref(stream)));",
        "sim::set_device(stream.device_index());"
        " return to_stream(sim::exchange_stream(to_ref(stream)));",
        "exchangeStream changes the current device as well",
    ),
    Fault(
        "forged-stream-accepted",
        "host_thread.exchange_stream",
        "  check_stream(stream);\n  StreamId& current",
        "  StreamId& current",
        "a stream that nobody made becomes current",
    ),
    Fault(
        "guard-query-stream-true",
        "guard.query_stream",
        "return sim::query_stream(to_ref(stream));",
        "return to_ref(stream).id >= 0;",
        "queryStream is always true",
    ),
    Fault(
        "guard-query-stream-false",
        "guard.query_stream",
        "return sim::query_stream(to_ref(stream));",
        "sim::query_stream(to_ref(stream)); return false;",
        "queryStream is always false",
    ),
    Fault(
        "guard-synchronize-stream-nothing",
        "guard.synchronize_stream",
        "[&] { sim::synchronize_stream(to_ref(stream)); }",
        "[&] { to_ref(stream); }",
        "synchronizeStream does not wait",
    ),
    Fault(
        "guard-synchronize-stream-all",
        "guard.synchronize_stream",
        "[&] { sim::synchronize_stream(to_ref(stream)); }",
        "[&] { sim::synchronize_device(to_ref(stream).device); }",
        "synchronizeStream waits for all streams of the device",
    ),
    Fault(
        "guard-synchronize-device-one",
        "guard.synchronize_device",
        "sim::synchronize_device(index_or_current(index));",
        "sim::synchronize_stream(sim::current_stream(index_or_current(index)));",
        "synchronizeDevice waits for the current stream only",
    ),
    Fault(
        "native-handle-device-only",
        "streams.native_handle",
        "(static_cast<int64_t>(ref.device) + 1) << 32 | ref.id",
        "(static_cast<int64_t>(ref.device) + 1) << 32",
        "getStreamNativeHandle gives all streams of a device one handle",
    ),
    Fault(
        "guard-capturing",
        "guard.is_stream_capturing",
        "return sim::is_capturing(to_ref(stream));",
        "return !sim::is_capturing(to_ref(stream));",
        "isStreamCapturing says yes",
    ),
    # --- Guard: events ----------------------------------------------------------------------------
    Fault(
        "guard-record-new-id",
        "guard.record",
        "sim::record(to_id(*event), to_ref(stream), timing)",
        "sim::record(0, to_ref(stream), timing)",
        "record makes a new event each time",
    ),
    Fault(
        "guard-record-default-stream",
        "guard.record",
        "sim::record(to_id(*event), to_ref(stream), timing)",
        "sim::record(to_id(*event), {to_ref(stream).device, 0}, timing)",
        "record goes into the default stream",
    ),
    Fault(
        "guard-record-no-timing",
        "guard.record",
        "const bool timing = flag == c10::EventFlag::BACKEND_DEFAULT;",
        "const bool timing = false;",
        "record drops enable_timing",
    ),
    Fault(
        "event-same-id",
        "events.record",
        "id = ++lock->last_event;",
        "id = lock->last_event = 1;",
        "all events are one",
    ),
    Fault(
        "record-keeps-first",
        "events.record",
        "    found->second.newest = point;",
        "    if (version == 1) found->second.newest = point;",
        "recording again changes nothing",
    ),
    Fault(
        "record-moves-earlier-waits",
        "events.record",
        "return id;",
        """// Every wait for this event that is still pending now waits for the new recording.
  lock->due = {};
  for (Device& device : lock->devices) {
    for (Stream& waiting : device.streams) {
      Time shift = 0;
      for (Command& pending : waiting.pending) {
        if (pending.after && pending.event == id) {
          pending.after = point;
          shift = std::max(shift, point.finish - pending.start);
        }
        pending.start += shift;
        pending.finish += shift;
        if (lock->schedule.order != Order::Latest) {
          lock->due.push(Due{pending.finish, pending.id, &waiting});
        }
      }
      waiting.last_finish += shift;
    }
  }
  return id;""",
        "recording again moves the waits that were called before",
    ),
    Fault(
        "record-on-any-device",
        "events.record",
        "if (event.device != ref.device) {",
        "if (event.device > kMaxDevices) {",
        "an event is recorded on a second device without complaint",
    ),
    Fault(
        "guard-block-nothing",
        "guard.block",
        "sim::wait(to_id(event), to_ref(stream));",
        "to_ref(stream);",
        "block does nothing",
    ),
    Fault(
        "guard-block-default-stream",
        "guard.block",
        "sim::wait(to_id(event), to_ref(stream));",
        "sim::wait(to_id(event), {to_ref(stream).device, 0});",
        "block makes the default stream wait",
    ),
    Fault(
        "guard-block-host",
        "guard.block",
        "sim::wait(to_id(event), to_ref(stream));",
        "sim::synchronize_event(to_id(event)); sim::wait(to_id(event), to_ref(stream));",
        "block makes the host wait",
    ),
    Fault(
        "wait-binds-to-nothing",
        "enqueue.place",
        "command.start = std::max(command.start, command.after->finish);",
        "",
        "a wait is in the queue and does not wait",
    ),
    Fault(
        "guard-query-event-true",
        "guard.query_event",
        "return event == nullptr || sim::query_event(to_id(event));",
        "return true;",
        "queryEvent is always true",
    ),
    Fault(
        "guard-query-event-false",
        "guard.query_event",
        "return event == nullptr || sim::query_event(to_id(event));",
        "sim::query_event(to_id(event)); return false;",
        "queryEvent is always false",
    ),
    Fault(
        "guard-synchronize-event-nothing",
        "guard.synchronize_event",
        "sim::synchronize_event(to_id(event));",
        "",
        "synchronizeEvent does not wait",
    ),
    Fault(
        "guard-elapsed-zero",
        "guard.elapsed_time",
        "return sim::elapsed_ms(to_id(from), to_id(to));",
        "return 0.0 * sim::elapsed_ms(to_id(from), to_id(to));",
        "elapsedTime is always 0",
    ),
    Fault(
        "guard-elapsed-negated",
        "guard.elapsed_time",
        "return sim::elapsed_ms(to_id(from), to_id(to));",
        "return sim::elapsed_ms(to_id(to), to_id(from));",
        "elapsedTime counts backwards",
    ),
    Fault(
        "elapsed-microseconds",
        "events.elapsed_ms",
        "(second.newest.finish - first.newest.finish) / 1e6",
        "(second.newest.finish - first.newest.finish) / 1e3",
        "elapsedTime is in microseconds",
    ),
    Fault(
        "guard-destroy-event-waits",
        "guard.destroy_event",
        "[&] { sim::destroy_event(to_id(event)); }",
        "[&] { sim::synchronize_event(to_id(event)); sim::destroy_event(to_id(event)); }",
        "destroyEvent makes the host wait for the event",
    ),
    # --- Hooks ------------------------------------------------------------------------------------
    Fault(
        "hooks-device-count",
        "hooks.device_count",
        'hook("deviceCount", [] { return narrow(sim::device_count()); })',
        'hook("deviceCount", [] { return narrow(sim::device_count() + 1); })',
        "deviceCount counts one too many",
    ),
    Fault(
        "hooks-current-device-zero",
        "hooks.get_current_device",
        'hook("getCurrentDevice", [] { return narrow(sim::current_device()); })',
        'hook("getCurrentDevice", [] { return narrow(0); })',
        "getCurrentDevice always says 0",
    ),
    Fault(
        "hooks-set-device-forgets",
        "hooks.set_current_device",
        "[&] { sim::set_device(index); }",
        "[&] { sim::checked_device(index); }",
        "setCurrentDevice checks the device and does not set it",
    ),
    Fault(
        "hooks-maybe-exchange-nothing",
        "hooks.maybe_exchange_device",
        "index < 0 ? narrow(-1) : narrow(sim::exchange_device(index))",
        "index < 0 ? narrow(-1) : narrow(sim::current_device())",
        "maybeExchangeDevice does not restore",
    ),
    Fault(
        "hooks-synchronize-one",
        "hooks.device_synchronize",
        "sim::synchronize_device(index_or_current(index));",
        "sim::synchronize_stream(sim::current_stream(index_or_current(index)));",
        "deviceSynchronize waits for the current stream only",
    ),
    Fault(
        "hooks-synchronize-nothing",
        "hooks.device_synchronize",
        "sim::synchronize_device(index_or_current(index));",
        "checked(index);",
        "deviceSynchronize does not wait",
    ),
    Fault(
        "hooks-current-stream-default",
        "hooks.get_current_stream",
        '"getCurrentStream", [&] { return to_stream(sim::current_stream(index_or_current(index)));',
        '"getCurrentStream", [&] { return to_stream({index_or_current(index), 0});',
        "getCurrentStream always gives the default stream",
    ),
    Fault(
        "hooks-current-stream-device",
        "hooks.get_current_stream",
        '"getCurrentStream", [&] { return to_stream(sim::current_stream(index_or_current(index)));',
        '"getCurrentStream", [&] { return to_stream(sim::current_stream(sim::current_device()));',
        "getCurrentStream answers for the current device, whichever is asked for",
    ),
    Fault(
        "hooks-default-is-current",
        "hooks.get_default_stream",
        "to_stream({checked(index), 0})",
        "to_stream(sim::current_stream(checked(index)))",
        "getDefaultStream gives the current stream",
    ),
    Fault(
        "hooks-set-stream-forgets",
        "hooks.set_current_stream",
        "[&] { sim::exchange_stream(to_ref(stream)); }",
        "[&] { to_ref(stream); }",
        "setCurrentStream stores nothing",
    ),
    # --- Random numbers ---------------------------------------------------------------------------
    Fault(
        "generators-shared",
        "generator.default_generator",
        "return generators->at(device);",
        "return generators->at(0 * device);",
        "all devices share one generator",
    ),
    Fault(
        "generator-seed-ignored",
        "generator.set_seed",
        "sequence_->twister->set_current_seed(seed);",
        "sequence_->twister->set_current_seed(0 * seed);",
        "a seed is ignored",
    ),
    # --- Memory and generators --------------------------------------------------------------------
    Fault(
        "memory-record-stream-forgets",
        "memory.record_use",
        "    users.push_back(stream);",
        "    users.size();",
        "record_stream names no user of the block",
    ),
    Fault(
        "memory-one-cache",
        "device_memory.free_list",
        "const FreeListKey key{stream, pool, small};",
        "const FreeListKey key{0 * stream, pool, small};",
        "all streams of a device share one cache",
    ),
    Fault(
        "memory-keeps-cached",
        "memory.allocate",
        "    return_cached(lock, memory, device, site);",
        "    put_back_settled(lock, memory);",
        "before it gives up, the allocator gives nothing back to the device",
    ),
    Fault(
        "pinned-reused-early",
        "copy.from_host",
        "    keep_until_copied(from, stream);",
        "    static_cast<void>(stream);",
        "pinned memory may be used again while a copy still reads it",
    ),
    Fault(
        "generator-does-not-settle",
        "generator.settle",
        "sim::synchronize_uses(*sequence_);",
        "static_cast<void>(*sequence_);",
        "a seed is set while earlier draws are still to come",
    ),
    Fault(
        "draws-in-any-order",
        "enqueue.put",
        "command.after = command.uses->last;",
        "command.after = std::nullopt;",
        "draws of two streams are in no order",
    ),
    # --- Threads and queues -----------------------------------------------------------------------
    Fault(
        "streams-shared-by-threads",
        "host_thread.host_thread",
        "  std::array<StreamId, kMaxDevices> streams{};",
        "  static inline std::array<StreamId, kMaxDevices> streams{};",
        "current streams are shared between threads",
    ),
    Fault(
        "device-shared-by-threads",
        "host_thread.host_thread",
        "  int device = 0;",
        "  static inline int device = 0;",
        "the current device is shared between threads",
    ),
    Fault(
        "launch-blocks",
        "enqueue.put",
        "  if (lock->schedule.order == Order::Blocking) {",
        "  if (lock->schedule.order != Order::Latest) {",
        "a launch returns when its kernel has run",
    ),
    Fault(
        "stream-not-in-order",
        "enqueue.place",
        "command.start = std::max(command.enqueue, stream.last_finish);",
        "command.start = command.enqueue;",
        "a stream does not keep its order",
    ),
    Fault(
        "streams-not-concurrent",
        "enqueue.place",
        "Time& slot = *std::min_element(slots.begin(), slots.end());",
        "Time& slot = slots.front();",
        "two streams of a device never run at once",
    ),
]
