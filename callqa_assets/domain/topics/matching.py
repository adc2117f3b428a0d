"""Where topics are spoken of: matches of their phrases, without those that are negated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from callqa_assets.domain.rules.conditions.text import Regex
from callqa_assets.domain.text.spoken_text import Match, SpokenText
from callqa_assets.domain.topics.topic_set import TopicSet, is_sought_in


class TopicHit(NamedTuple):
    """A stretch of words that a topic's phrases match; seconds from the recording's start."""

    segment: int
    """Index in the list of segments that was searched."""
    topic: str
    start_s: float
    end_s: float
    text: str


def find_topics(
    topics: TopicSet, spoken: SpokenText, queues: Sequence[str | None]
) -> list[TopicHit]:
    """Every hit, by segment and time. `queues`: of the call of each segment.

    Matches of one topic that overlap are one hit: the longest of them.
    """
    hits: list[TopicHit] = []
    for topic in topics.topics:
        found = _by_segment(topic.any, spoken)
        sought = {
            segment: matches
            for segment, matches in found.items()
            if (topic.role is None or spoken.segments[segment].role in topic.role)
            and is_sought_in(topic.queue, queues[segment])
        }
        negations = _by_segment(topic.unless, spoken) if sought else {}
        for segment, matches in sought.items():
            denied = negations.get(segment, [])
            kept = [m for m in matches if not any(m.overlaps(other) for other in denied)]
            hits += [
                TopicHit(segment, topic.name, match.start_s, match.end_s, match.text)
                for match in _leave_longest(kept)
            ]
    return sorted(hits, key=lambda hit: (hit.segment, hit.start_s, hit.end_s, hit.topic))


class PointMade(NamedTuple):
    """A stretch of words that makes one of a topic's points; seconds from the recording's start."""

    segment: int
    """Index in the list of segments that was searched."""
    topic: str
    point: str
    start_s: float
    end_s: float


def find_points(topics: TopicSet, spoken: SpokenText) -> list[PointMade]:
    """Where the topics' points are made, in whatever call: by topic, point, segment."""
    return [
        PointMade(segment, topic.name, point.name, match.start_s, match.end_s)
        for topic in topics.topics
        for point in topic.points
        for segment, matches in sorted(_by_segment(point.any, spoken).items())
        for match in matches
    ]


def _by_segment(patterns: Sequence[str | Regex], spoken: SpokenText) -> dict[int, list[Match]]:
    found: defaultdict[int, list[Match]] = defaultdict(list)
    for pattern in patterns:
        is_regex = isinstance(pattern, Regex)
        matches = spoken.find_regex(pattern.regex) if is_regex else spoken.find_phrase(pattern)
        for match in matches:
            found[match.segment].append(match)
    return found


def _leave_longest(matches: Sequence[Match]) -> Iterator[Match]:
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (-len(m.text), m.start_s)):
        if not any(match.overlaps(other) for other in kept):
            kept.append(match)
            yield match
