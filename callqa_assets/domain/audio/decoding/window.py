"""A range of an open file, as libsndfile and FFmpeg read it."""

from __future__ import annotations

import os
from io import FileIO


class Window:
    """`prefix`, then the bytes of `file` from `start` to `stop`; a header may be mended so.

    It has no name, for both libraries would infer a raw format from an extension. They cannot be
    told of an OSError: it is kept, and what they get from `read` is the end of the file. Seeking
    outside, as corrupt headers ask for, returns -1 and raises nothing.
    """

    def __init__(self, file: FileIO, start: int, stop: int, prefix: bytes = b"") -> None:
        self.start = start
        self.stop = stop
        self.size = len(prefix) + stop - start
        self.read_error: OSError | None = None
        self._file = file
        self._prefix = prefix
        self._position = 0

    def part(self, start: int, stop: int, prefix: bytes = b"") -> Window:
        """A range of this window, which has no prefix itself."""
        return Window(self._file, self.start + start, self.start + stop, prefix)

    def read(self, size: int = -1) -> bytes:
        left = self.size - self._position
        size = left if size < 0 else min(size, left)
        if size <= 0:
            return b""
        if self._position < len(self._prefix):
            found = self._prefix[self._position : self._position + size]
        else:
            try:
                self._file.seek(self.start + self._position - len(self._prefix))
                found = self._file.read(size)
            except OSError as error:
                self.read_error = error
                found = b""
        self._position += len(found)
        return found

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from an offset; none outside. Raises OSError."""
        found = self.read(size) if self.seek(offset) == offset else b""
        self.raise_read_error()
        return found

    def readinto(self, buffer: memoryview) -> int:
        """libsndfile's binding asks for this one."""
        target = memoryview(buffer).cast("B")
        found = self.read(len(target))
        target[: len(found)] = found
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}.get(whence)
        if base is None or not 0 <= base + offset <= self.size:
            return -1
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def raise_read_error(self) -> None:
        """Raises the OSError that a library took for the end of the file."""
        if self.read_error is not None:
            raise self.read_error
