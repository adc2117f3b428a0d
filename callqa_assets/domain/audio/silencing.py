"""Sound of which some seconds are silenced, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from callqa_assets.domain.audio.decoding import Samples
from callqa_assets.domain.speech import Span


def widen_spans(spans: Iterable[Span], margin_s: float) -> list[Span]:
    """The spans, longer by the margin at both ends; those that then touch are one."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        start_s, end_s = max(0.0, span.start_s - margin_s), span.end_s + margin_s
        if merged and start_s <= merged[-1].end_s:
            merged[-1] = Span(merged[-1].start_s, max(end_s, merged[-1].end_s))
        else:
            merged.append(Span(start_s, end_s))
    return merged


def silence(
    blocks: Iterable[Samples], rate_hz: int, silent: Mapping[int, Sequence[Span]]
) -> Iterator[Samples]:
    """The blocks, each [channels, n], with zeros in the spans of each channel; the rest as it is.

    A sample that a span touches is silenced.
    """
    position = 0
    for block in blocks:
        length = block.shape[1]
        changed = block.copy() if any(silent.values()) else block
        for channel, spans in silent.items():
            for span in spans:
                start = math.floor(span.start_s * rate_hz) - position
                end = math.ceil(span.end_s * rate_hz) - position
                if start < length and end > 0:
                    changed[channel, max(0, start) : end] = 0
        position += length
        yield changed
