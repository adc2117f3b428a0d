"""What is said on a channel, as texts that phrases are searched in: longer than a segment, since
pauses cut segments and phrases alike.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby

from callqa_assets.domain.text.spoken_text import SpokenSegment, raw_seconds_of

LONGEST_PAUSE_S = 5.0
"""No phrase goes on after a longer silence of its speaker: somebody answered."""


@dataclass(frozen=True)
class Passage:
    """Consecutive segments of one channel, without a long silence between them."""

    segments: Sequence[SpokenSegment]

    @property
    def channel(self) -> int:
        return self.segments[0].channel

    @property
    def role(self) -> str:
        return self.segments[0].role

    @cached_property
    def text(self) -> str:
        """The segments' raw texts, a line each."""
        return "\n".join(segment.text_raw for segment in self.segments)

    @cached_property
    def _starts(self) -> list[int]:
        """Where each segment's line begins."""
        lengths = (len(segment.text_raw) + 1 for segment in self.segments[:-1])
        return list(accumulate(lengths, initial=0))

    def seconds_of(self, start: int, end: int) -> tuple[float, float]:
        """When characters `start` to `end` of the text were said, in seconds from the recording's
        start.
        """
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1) - 1
        begin, stop = start - self._starts[first], end - self._starts[last]
        if first == last:
            return raw_seconds_of(self.segments[first], begin, stop)
        start_s, _ = raw_seconds_of(self.segments[first], begin, begin + 1)
        _, end_s = raw_seconds_of(self.segments[last], stop - 1, stop)
        return start_s, end_s


def find_passages(segments: Sequence[SpokenSegment]) -> Iterator[Passage]:
    """The passages of a call, by channel and time."""
    in_order = sorted(segments, key=lambda segment: (segment.channel, segment.start_s))
    for _, of_channel in groupby(in_order, key=lambda segment: segment.channel):
        passage: list[SpokenSegment] = []
        for segment in of_channel:
            if passage and segment.start_s - passage[-1].end_s > LONGEST_PAUSE_S:
                yield Passage(passage)
                passage = []
            passage.append(segment)
        yield Passage(passage)
