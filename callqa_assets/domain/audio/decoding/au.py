"""AU (Sun, NeXT): decoding by a header whose size is mended."""

from __future__ import annotations

from contextlib import ExitStack

from callqa_assets.domain.audio.decoding.sndfile import open_with_sndfile
from callqa_assets.domain.audio.decoding.sound_end import find_sound_end
from callqa_assets.domain.audio.decoding.stream import NoSoundError, Track
from callqa_assets.domain.audio.decoding.window import Window

_UNKNOWN = 0xFFFF_FFFF
_SAMPLE_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
"""By the header's number of the encoding."""


def open_au(window: Window, resources: ExitStack) -> Track:
    """Raises NoSoundError."""
    window.seek(0)
    head = window.read(24)
    start, stated, encoding, rate_hz, channels = (
        int.from_bytes(head[at : at + 4]) for at in (4, 8, 12, 16, 20)
    )
    if not 24 <= start <= window.size:
        raise NoSoundError("its sound begins outside the file")
    window.seek(0)
    intro = window.read(start)
    end = find_sound_end(
        window,
        start,
        None if stated == _UNKNOWN else stated,
        _SAMPLE_BYTES.get(encoding, 1) * rate_hz * channels,
        big_endian=True,
    )
    size = min(end.stop - start, _UNKNOWN)
    track = open_with_sndfile(
        window.part(start, end.stop, intro[:8] + size.to_bytes(4) + intro[12:]), resources
    )
    if end.note:
        track.notes.append(end.note)
    return track
