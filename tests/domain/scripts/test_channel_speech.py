"""Passages: segments that follow one another, and when a part of them was said."""

from __future__ import annotations

import json

from callqa_assets.domain.scripts.channel_speech import Passage, find_passages
from callqa_assets.domain.text.spoken_text import SpokenSegment


def segment(channel: int, start_s: float, text: str) -> SpokenSegment:
    """A character every half second."""
    words = [
        {"word": c, "start_s": start_s + i / 2, "end_s": start_s + (i + 1) / 2}
        for i, c in enumerate(text)
    ]
    return SpokenSegment(
        channel, start_s, start_s + len(text) / 2, text_raw=text, words=json.dumps(words)
    )


def test_a_long_silence_of_the_speaker_ends_a_passage():
    first, near, far, other = (
        segment(0, 1, "您好"),
        segment(0, 7, "再见"),  # 5 s after the end of the first
        segment(0, 13.5, "喂"),
        segment(1, 2, "嗯"),
    )
    passages = [list(p.segments) for p in find_passages([far, other, near, first])]
    assert passages == [[first, near], [far], [other]]
    assert list(find_passages([])) == []


def test_characters_have_the_seconds_of_their_words():
    passage = Passage([segment(0, 1, "您好"), segment(0, 4, "再见了")])
    assert passage.text == "您好\n再见了"
    assert passage.seconds_of(1, 2) == (1.5, 2.0)
    assert passage.seconds_of(3, 5) == (4.0, 5.0)
    assert passage.seconds_of(1, 4) == (1.5, 4.5)
