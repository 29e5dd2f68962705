"""Signals that ask a run to end: noted, for the loop to act on when a step is whole."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Stop:
    """Whether a signal has asked for the end.

    signal: its number; None while there was none.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    @contextlib.contextmanager
    def heeding(self) -> Iterator[None]:
        """Note the first signal in here; a second one does what it always did, unless it is SIGHUP.

        Only the main thread can receive signals; in any other this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {number: signal.getsignal(number) for number in STOPPING}
        if before[signal.SIGHUP] == signal.SIG_IGN:
            # That is what nohup is for.
            del before[signal.SIGHUP]

        def note(number: int, frame: FrameType | None) -> None:
            self.signal = number
            # Of a terminal that closes both the shell and the kernel tell.
            signal.signal(number, signal.SIG_IGN if number == signal.SIGHUP else before[number])

        for number in before:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
