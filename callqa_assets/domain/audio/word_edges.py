"""Where the speech of a segment begins and ends in its sound: edges for its outer words.

Alignment by cross-attention has no word for silence: the first word of a segment begins where the
audio does, and the last one ends where the attention leaves it, before its sound does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.speech import SAMPLE_RATE_HZ, ChannelSound, Span, Word

FRAME_S = 0.02
MIN_RANGE_DB = 15.0
"""Sound whose levels differ by less has no audible edge; its words stay as they are."""
MAX_PAUSE_S = 0.1
"""Longer than the silence inside a word, of a plosive: what follows it is no longer the word."""
SHORTEST_S = 0.04
"""What is left of a word at least."""


def fit_outer_words(words: Sequence[Word], sound: ChannelSound, segment: Span) -> list[Word]:
    """The words of one segment, ascending, with the first one's start and the last one's end where
    the sound has them.

    The first begins at its first audible frame of 20 ms. The last goes on as long as it is audible,
    within the segment. A frame is audible halfway between the segment's quietest frames (5th
    percentile) and its loudest (95th), in dB.
    """
    if not words:
        return []
    begin_s = min(words[0].start_s, segment.start_s)
    stop_s = max(words[-1].end_s, segment.end_s)
    levels = _levels(sound[_sample(begin_s) : _sample(stop_s)])
    if not levels.size:
        return list(words)
    quiet, loud = np.percentile(levels, (5, 95))
    if loud - quiet < MIN_RANGE_DB:
        return list(words)
    audible = levels >= (quiet + loud) / 2
    fitted = list(words)
    fitted[0] = replace(fitted[0], start_s=_find_start(fitted[0], audible, begin_s))
    fitted[-1] = replace(fitted[-1], end_s=_find_end(fitted[-1], audible, begin_s, segment.end_s))
    return fitted


def _find_start(word: Word, audible: NDArray[np.bool_], begin_s: float) -> float:
    """The start of the first audible frame of the word; where none is, the word's own."""
    first = round((word.start_s - begin_s) / FRAME_S)
    heard = np.flatnonzero(audible[first : round((word.end_s - begin_s) / FRAME_S)])
    if not heard.size:
        return word.start_s
    onset_s = begin_s + (first + int(heard[0])) * FRAME_S
    return round(max(word.start_s, min(onset_s, word.end_s - SHORTEST_S)), 3)


def _find_end(word: Word, audible: NDArray[np.bool_], begin_s: float, latest_s: float) -> float:
    """The end of the audible frames that follow each other from the word on, up to `latest_s`."""
    heard = np.flatnonzero(audible[max(0, round((word.start_s - begin_s) / FRAME_S)) :])
    ended_s = word.end_s
    for index in heard:
        frame_s = word.start_s + float(index) * FRAME_S
        if frame_s > ended_s + MAX_PAUSE_S:
            break
        ended_s = max(ended_s, frame_s + FRAME_S)
    return round(max(word.end_s, min(ended_s, latest_s)), 3)


def _levels(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Level of each whole frame, dBFS."""
    frame = round(FRAME_S * SAMPLE_RATE_HZ)
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame).astype(np.float64)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)


def _sample(time_s: float) -> int:
    return max(0, round(time_s * SAMPLE_RATE_HZ))
