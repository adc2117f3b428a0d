"""Speech is where words are, and only where this speaker speaks."""

from __future__ import annotations

import json

from callqa_assets.domain.conversation.spans import find_spans, has_word_times
from callqa_assets.domain.text.spoken_text import SpokenSegment

type_of_word = tuple[float, float, str]


def segment(
    start_s: float, end_s: float, *words: type_of_word, channel: int = 0, level_dbfs: float = -20.0
) -> SpokenSegment:
    listed = [{"word": text, "start_s": start, "end_s": end} for start, end, text in words]
    text = "".join(text for *_, text in words)
    return SpokenSegment(
        channel,
        start_s,
        end_s,
        level_dbfs,
        text,
        text,
        json.dumps(listed),
        language="zh",
        role=("agent", "customer")[channel],
    )


def times(*segments: SpokenSegment) -> list[tuple[int, int]]:
    return [(span.start_ms, span.end_ms) for span in find_spans(segments).spans]


def test_pauses_up_to_300_ms_are_part_of_speaking():
    words = [(1.0, 1.5, "我"), (1.8, 2.0, "要"), (2.301, 2.5, "退费")]
    assert times(segment(0.5, 3.3, *words)) == [(1000, 2000), (2301, 2500)]
    joined = [(1.0, 1.5, "我"), (1.8, 2.0, "要"), (2.3, 2.5, "退费")]
    assert times(segment(0.5, 3.3, *joined)) == [(1000, 2500)]


def test_a_span_may_cross_segments():
    assert times(segment(0.0, 1.0, (0.2, 0.9, "我")), segment(1.1, 2.0, (1.2, 1.5, "要"))) == [
        (200, 1500)
    ]


def test_words_are_kept_inside_their_segment_and_last_a_moment():
    assert times(segment(1.0, 2.0, (0.4, 1.2, "我"), (1.9, 2.6, "要"))) == [
        (1000, 1200),
        (1900, 2000),
    ]
    assert times(segment(1.0, 2.0, (1.5, 1.5, "我"))) == [(1500, 1510)]
    assert times(segment(1.0, 2.0, (2.4, 2.6, "我"))) == [(1990, 2000)]


def test_punctuation_is_no_word():
    assert times(segment(0.0, 2.0, (0.5, 1.0, "好"), (1.2, 1.9, "。"))) == [(500, 1000)]


def test_han_characters_and_other_words_are_counted_apart():
    (span,) = find_spans(
        [segment(0.0, 3.0, (0.0, 0.5, "我的"), (0.5, 1.0, "iPhone"), (1.0, 1.5, "don't"))]
    ).spans
    assert (span.han, span.words, span.units) == (2, 2, 4)


def test_a_segment_without_words_is_unheard():
    found = find_spans([segment(0.0, 4.0, (0.0, 1.0, "我")), segment(5.0, 6.5)])
    assert found.unheard_ms == 1500
    assert found.wordless == [(5000, 6500)]


def test_what_is_15_db_below_the_speakers_level_is_not_their_speech():
    own = segment(0.0, 4.0, (0.0, 4.0, "我"), level_dbfs=-20.0)
    leak = segment(5.0, 6.0, (5.0, 6.0, "好"), level_dbfs=-35.1)
    quiet = segment(7.0, 8.0, (7.0, 8.0, "好"), level_dbfs=-34.9)
    found = find_spans([own, leak, quiet])
    assert [(span.start_ms, span.end_ms) for span in found.spans] == [(0, 4000), (7000, 8000)]
    assert (found.unheard_ms, found.wordless) == (1000, [])


def test_nothing_is_no_speech():
    assert find_spans([]) == ([], 0, [])


def test_word_times_are_known_unless_a_text_has_none():
    assert has_word_times([segment(0.0, 1.0, (0.0, 1.0, "我")), segment(2.0, 3.0)])
    assert not has_word_times([SpokenSegment(0, 0.0, 1.0)])
    assert not has_word_times([SpokenSegment(0, 0.0, 1.0, text_raw="我", language="zh")])
