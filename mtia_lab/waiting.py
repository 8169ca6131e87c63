"""Who waits for whom: an effect may not wait for a thread that waits for that effect."""

import sys
import threading
from concurrent.futures import Future, thread
from types import FrameType

# Functions whose caller waits until `self`, a thread or a future, is done.
_WAITS = {threading.Thread.join.__code__, Future.result.__code__, Future.exception.__code__}


def is_awaited(by: int) -> bool:
    """Whether a thread waits for the calling one to finish, itself or through others it waits for.

    It looks for `Thread.join` and for `result()` of a future in what that thread runs; other ways
    to wait say nothing about whom they wait for.

    Args:
        by: the identifier of the thread, as `threading.get_ident()` gives it.
    """
    mine = {threading.current_thread(), *_futures(sys._getframe())}
    frames, seen = sys._current_frames(), set()
    while by not in seen:
        seen.add(by)
        awaited = _awaited(frames.get(by))
        if awaited in mine:
            return True
        if isinstance(awaited, threading.Thread) and awaited.ident is not None:
            by = awaited.ident
    return False


def _awaited(frame: FrameType | None) -> object:
    """What a thread that is at this frame waits for, if it is known."""
    while frame is not None:
        if frame.f_code in _WAITS:
            return frame.f_locals["self"]
        frame = frame.f_back
    return None


def _futures(frame: FrameType | None) -> list[Future]:
    """The futures that the work at this frame is going to fulfil."""
    found = []
    while frame is not None:
        if frame.f_code is thread._WorkItem.run.__code__:
            found.append(frame.f_locals["self"].future)
        frame = frame.f_back
    return found
