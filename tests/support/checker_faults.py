"""Faults in the checker that test_hazards_oracle.py plants: the oracle has to see each of them."""

from dataclasses import replace

from mtia_lab.hazards import checker, memory_map
from mtia_lab.hazards.checker import Checker
from mtia_lab.hazards.fixes import NEW_EVENT, WAIT, Fix
from mtia_lab.hazards.hints import Hints
from mtia_lab.hazards.order import Order


def changed(patch, owner, name, change):
    """``change(original, *arguments)`` in place of a function."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *given, **named: change(original, *given, **named))


def without_waits(patch, is_meant):
    """The waits of commands that ``is_meant`` says so of order nothing."""

    def told(tell, self, command):
        caller = self.callers.get(command.call)
        if command.type == "wait" and caller is not None and is_meant(caller):
            self._commands[command.id] = command
        else:
            tell(self, command)

    changed(patch, Checker, "_command", told)


def event_waits_are_ignored(patch):
    without_waits(patch, lambda caller: caller.name == "block")


def collectives_do_not_wait_for_the_current_stream(patch):
    without_waits(patch, lambda call: call.door == "distributed" and call.name != "wait")


def the_wait_for_a_collective_is_overlooked(patch):
    without_waits(patch, lambda call: call.door == "distributed" and call.name == "wait")


def collectives_run_on_the_current_stream(patch):
    def use(original, self, stream, command, access, is_write):
        original(self, self.called_on.get(command.id, stream), command, access, is_write)

    changed(patch, Checker, "_use", use)


def collectives_write_nothing(patch):
    def use(original, self, stream, command, access, is_write):
        original(self, stream, command, access, is_write and command.id not in self.called_on)

    changed(patch, Checker, "_use", use)


def a_wait_is_for_all_that_the_stream_has_got(patch):
    def up_to(original, self, stream, command=None):
        return original(self, stream)

    changed(patch, Order, "up_to", up_to)


def synchronizing_a_stream_teaches_nothing(patch):
    changed(patch, Order, "synchronize", lambda original, self, known: False)


def synchronizing_a_stream_is_for_the_device(patch):
    def synchronize(original, self, known):
        return original(self, known._replace(stream=None))

    changed(patch, Order, "synchronize", synchronize)


def pinned_memory_is_used_by_the_block(patch):
    def whole(original, memory, use):
        if (block := use.block) is not None:
            place = {"address": block.address, "bytes": block.bytes, "strides": None}
            use = replace(use, access=use.access._replace(**place))
        return original(memory, use)

    changed(patch, checker, "host_races", whole)


def the_host_is_overlooked(patch):
    patch.setattr(Checker, "_host", lambda self, host: None)


def the_host_only_reads(patch):
    changed(
        patch,
        checker,
        "host_races",
        lambda find, memory, use: find(memory, replace(use, is_write=False)),
    )


def record_stream_is_overlooked(patch):
    patch.setattr(Checker, "_recorded", lambda self, block, stream: None)


def a_freed_block_is_forgotten(patch):
    def forget(original, self, block):
        original(self, block)
        self._memory[block.device].forget(block.address, block.top)

    changed(patch, Checker, "_free", forget)


def reads_are_overlooked(patch):
    changed(
        patch,
        memory_map,
        "_unordered",
        lambda find, *given: [u for u in find(*given) if u.is_write],
    )


def other_words(patch, change):
    """A fix is put in the words of another one."""
    words = Fix.words
    patch.setattr(Fix, "words", lambda fix, *given: words(change(fix), *given))


def a_fix_waits_the_wrong_way(patch):
    def back(fix):
        is_wait = fix.kind == WAIT and fix.waiting is not None
        return fix._replace(waiting=fix.awaited, awaited=fix.waiting) if is_wait else fix

    other_words(patch, back)


def a_fix_waits_for_itself(patch):
    def itself(fix):
        return fix._replace(kind=WAIT, waiting=fix.awaited) if fix.kind == NEW_EVENT else fix

    other_words(patch, itself)


def all_synchronization_is_needless(patch):
    changed(
        patch,
        Hints,
        "_call",
        lambda call_of, self, call, learned: call_of(self, call, learned=False),
    )


# The threads and the seed of a program that shows each of them, and how.
SEEN = {
    event_waits_are_ignored: (1, 0, "false alarm"),
    collectives_do_not_wait_for_the_current_stream: (1, 0, "false alarm"),
    the_wait_for_a_collective_is_overlooked: (1, 0, "false alarm"),
    collectives_run_on_the_current_stream: (1, 0, "false alarm"),
    collectives_write_nothing: (1, 0, "missed"),
    a_wait_is_for_all_that_the_stream_has_got: (1, 6, "missed"),
    synchronizing_a_stream_teaches_nothing: (1, 0, "false alarm"),
    synchronizing_a_stream_is_for_the_device: (1, 0, "missed"),
    pinned_memory_is_used_by_the_block: (1, 12, "false alarm"),
    the_host_is_overlooked: (1, 0, "missed"),
    the_host_only_reads: (1, 0, "missed"),
    record_stream_is_overlooked: (1, 11, "false alarm"),
    a_freed_block_is_forgotten: (2, 26, "missed"),
    reads_are_overlooked: (2, 0, "missed"),
    a_fix_waits_the_wrong_way: (1, 0, None),
    a_fix_waits_for_itself: (2, 0, None),
    all_synchronization_is_needless: (1, 0, "not needless"),
}
