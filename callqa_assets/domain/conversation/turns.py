"""Turns, backchannels and interruptions of two people on two channels.

Definitions: a turn is a speaker's spans with nothing of the other's between them and no gap above
2 s; a backchannel ('嗯', 'okay') is a turn of at most 3 Han characters, or 2 words, and 1 s, that
begins inside a turn of the other, and ends no turn. A interrupts B where A's turn of at least 4
characters or words begins 0.5 s or more after B's turn began and 0.3 s or more before B's last
word ends, and the two overlap for 0.5 s or B stops within 1 s (yields). Vendors publish no rule;
these follow Alibaba's (a sentence of at least 4 characters) and Verint's (talk-over on both
channels), with the overlap shortened to what is heard as an interruption.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from callqa_assets.domain.conversation.spans import Span

MAX_TURN_GAP_MS = 2_000
MAX_BACKCHANNEL_HAN = 3
MAX_BACKCHANNEL_WORDS = 2
MAX_BACKCHANNEL_MS = 1_000
MIN_INTERRUPTION_UNITS = 4
MIN_AFTER_START_MS = 500
MIN_BEFORE_END_MS = 300
MIN_OVERLAP_MS = 500
MAX_YIELD_MS = 1_000


class Turn(NamedTuple):
    """What one speaker says until the other takes over, or a long pause."""

    spans: tuple[Span, ...]

    @property
    def start_ms(self) -> int:
        return self.spans[0].start_ms

    @property
    def end_ms(self) -> int:
        return self.spans[-1].end_ms

    @property
    def spoken_ms(self) -> int:
        """Without the pauses in it."""
        return sum(span.end_ms - span.start_ms for span in self.spans)

    @property
    def units(self) -> int:
        return sum(span.units for span in self.spans)


class Speaker(NamedTuple):
    """One side of a conversation, as the other side shapes it."""

    turns: list[Turn]
    """Without backchannels, ascending."""
    backchannels: list[Turn]


class Interruptions(NamedTuple):
    interruptions: int
    yielded: int
    """Those after which the other stopped within 1 s."""


def find_turns(spans: Sequence[Span], others: Sequence[Span] = ()) -> list[Turn]:
    """The turns that these spans form while the other speaker's are `others`; both ascend."""
    starts = [span.start_ms for span in others]
    turns: list[Turn] = []
    current: list[Span] = []
    for span in spans:
        if current and not (
            span.start_ms - current[-1].end_ms <= MAX_TURN_GAP_MS
            and _is_free(others, starts, current[-1].end_ms, span.start_ms)
        ):
            turns.append(Turn(tuple(current)))
            current = []
        current.append(span)
    if current:
        turns.append(Turn(tuple(current)))
    return turns


def find_speakers(first: Sequence[Span], second: Sequence[Span]) -> tuple[Speaker, Speaker]:
    """Turns and backchannels of two speakers; spans ascend and are disjoint on each side."""
    sides = ((first, second), (second, first))
    # Short turns split nothing while it is open whether they are backchannels.
    short = [[t for t in find_turns(own, other) if _is_short(t)] for own, other in sides]
    first_long, second_long = (
        _without(own, brief) for (own, _), brief in zip(sides, short, strict=True)
    )
    turns = (find_turns(first_long, second_long), find_turns(second_long, first_long))
    first_short, second_short = (
        [turn for turn in brief if _turn_at(of_other, turn.start_ms)]
        for brief, of_other in zip(short, reversed(turns), strict=True)
    )
    first_said, second_said = _without(first, first_short), _without(second, second_short)
    return (
        Speaker(find_turns(first_said, second_said), first_short),
        Speaker(find_turns(second_said, first_said), second_short),
    )


def _without(spans: Sequence[Span], turns: Sequence[Turn]) -> list[Span]:
    left_out = {span for turn in turns for span in turn.spans}
    return [span for span in spans if span not in left_out]


def count_interruptions(by: Sequence[Turn], of: Sequence[Turn]) -> Interruptions:
    """How often the turns `by` interrupt the turns `of`."""
    found = yielded = 0
    for turn in by:
        if turn.units < MIN_INTERRUPTION_UNITS:
            continue
        other = _turn_at(of, turn.start_ms)
        if (
            other is None
            or turn.start_ms - other.start_ms < MIN_AFTER_START_MS
            or other.end_ms - turn.start_ms < MIN_BEFORE_END_MS
        ):
            continue
        yields = other.end_ms - turn.start_ms <= MAX_YIELD_MS
        if yields or sum(overlaps(turn.spans, other.spans)) >= MIN_OVERLAP_MS:
            found += 1
            yielded += yields
    return Interruptions(found, yielded)


def overlaps(first: Sequence[Span], second: Sequence[Span]) -> list[int]:
    """Lengths in ms of the stretches in which both speak; spans ascend and are disjoint."""
    lengths: list[int] = []
    i = j = 0
    while i < len(first) and j < len(second):
        a, b = first[i], second[j]
        length = min(a.end_ms, b.end_ms) - max(a.start_ms, b.start_ms)
        if length > 0:
            lengths.append(length)
        if a.end_ms < b.end_ms:
            i += 1
        else:
            j += 1
    return lengths


def _is_free(others: Sequence[Span], starts: Sequence[int], begin: int, end: int) -> bool:
    """Whether the other speaker says nothing between `begin` and `end`."""
    last = bisect_left(starts, end) - 1
    return last < 0 or others[last].end_ms <= begin


def _is_short(turn: Turn) -> bool:
    han = sum(span.han for span in turn.spans)
    words = sum(span.words for span in turn.spans)
    brief = han <= MAX_BACKCHANNEL_HAN if han else words <= MAX_BACKCHANNEL_WORDS
    return (
        brief
        and han + words <= MAX_BACKCHANNEL_HAN
        and (turn.end_ms - turn.start_ms <= MAX_BACKCHANNEL_MS)
    )


def _turn_at(turns: Sequence[Turn], moment_ms: int) -> Turn | None:
    """The turn in which the moment lies, its start included."""
    index = bisect_right(turns, moment_ms, key=lambda turn: turn.start_ms) - 1
    if index >= 0 and moment_ms < turns[index].end_ms:
        return turns[index]
    return None
