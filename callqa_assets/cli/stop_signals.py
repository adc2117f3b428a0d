"""Stopping `callqa run`: by Ctrl-C, `kill`, or the end of its terminal, and for certain.

While a job runs, Dagster has handlers of its own, which hold a signal back in some places and lose
it in others. The file descriptor that Python tells of every signal sees them all.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_END = 0
"""What `watched` itself writes where signals are told; no signal has this number."""

_AGAIN_S = 2.0
"""After which the main thread is interrupted again."""
_GRACE_S = 8.0
"""After which the process ends, whatever it does: no more is lost than by a kill, after which the
next run takes over the claims."""


class StoppedError(BaseException):
    """The process was asked to end; not for `except Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


class StopSignals:
    """Which signal has asked the process to end, if any."""

    def __init__(self) -> None:
        self._first: int | None = None

    def raise_if_any(self) -> None:
        """Raises StoppedError where a signal came, perhaps while others handled it."""
        if self._first is not None:
            raise StoppedError(self._first)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        del frame
        raise StoppedError(number)

    def _watch(self, pipe: int, done: threading.Event) -> None:
        """Note the first signal; interrupt the main thread until it ends, and then the process."""
        while (number := os.read(pipe, 1)[0]) not in SIGNALS:
            if number == _END:
                return
        self._first = number
        for _ in range(round(_GRACE_S / _AGAIN_S)):
            if done.wait(_AGAIN_S):
                return
            _thread.interrupt_main(number)
        os._exit(128 + number)


def heeded() -> list[int]:
    """Signals that end a command: all of them, but for a SIGHUP that `nohup` has ignored."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if not (ignored and number == signal.SIGHUP)]


@contextmanager
def watched() -> Iterator[StopSignals]:
    """Let signals end what is done inside: the main thread is interrupted by StoppedError.

    Sets the handlers explicitly: a shell starts background jobs with SIGINT ignored, and `nohup`
    ignores SIGHUP, which stays so.
    """
    stop, done = StopSignals(), threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.signal(number, stop._raise) for number in heeded()}
    wakeup_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = threading.Thread(target=stop._watch, args=(reading, done), daemon=True)
    watcher.start()
    try:
        yield stop
        stop.raise_if_any()
    finally:
        done.set()
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(writing, bytes([_END]))
        watcher.join()
        os.close(reading)
        os.close(writing)
