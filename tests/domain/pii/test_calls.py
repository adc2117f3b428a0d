"""Personal data in calls: in both texts, over pauses, in answers, with its seconds."""

from __future__ import annotations

import json

from callqa_assets.domain.pii.calls import find_in_call
from callqa_assets.domain.text.itn import normalize
from callqa_assets.domain.text.spoken_text import SpokenSegment


def said(text, start_s, *, channel=0, number=0, timed=True, text_raw=None):
    """A segment of one character each 0.1 s, its numerals normalised unless `text_raw` is given."""
    normalized = normalize(text)
    raw = text if text_raw is None else text_raw
    written = normalized.text if text_raw is None else text
    edits = [[e.raw_start, e.raw_end, e.start, e.end] for e in normalized.alignment]
    words = [
        {"word": c, "start_s": start_s + i / 10, "end_s": start_s + (i + 1) / 10}
        for i, c in enumerate(raw)
    ]
    return SpokenSegment(
        channel,
        start_s,
        start_s + len(raw) / 10,
        text=written,
        text_raw=raw,
        words=json.dumps(words if timed else []),
        alignment=json.dumps(edits if text_raw is None else []),
        segment_no=number,
    )


def where(found):
    return [
        (
            found.segment.text[found.span.start_char : found.span.end_char],
            found.segment.text_raw[found.raw_start_char : found.raw_end_char],
            found.span.kind,
            round(found.start_s, 3),
            round(found.end_s, 3),
        )
        for found in found
    ]


def test_a_number_is_placed_in_both_texts_and_in_time():
    segment = said("电话幺三八零零幺三八零零零谢谢", 10.0)
    assert where(find_in_call([segment])) == [
        ("13800138000", "幺三八零零幺三八零零零", "mobile", 10.2, 11.3)
    ]


def test_a_text_without_word_times_has_the_seconds_of_its_segment():
    segment = said("电话幺三八零零幺三八零零零谢谢", 10.0, timed=False)
    assert where(find_in_call([segment])) == [
        ("13800138000", "幺三八零零幺三八零零零", "mobile", 10.0, 11.5)
    ]


def test_a_number_goes_on_in_the_next_segment_of_its_channel_past_the_other_one():
    found = find_in_call(
        [
            said("幺三八零零", 0.0),
            said("嗯", 1.0, channel=1),
            said("幺三八零零零", 2.0, number=1),
        ]
    )
    assert [(f.segment.segment_no, f.span.kind, f.span.part) for f in found] == [
        (0, "mobile", "first"),
        (1, "mobile", "last"),
    ]


def test_a_number_that_the_normalised_text_has_lost_is_found_in_the_raw_one():
    segment = said("电话号码是，谢谢", 0.0, text_raw="电话幺三八零零幺三八零零零")
    (found,) = find_in_call([segment])
    # The alignment does not fit: all of both texts.
    assert (found.span.start_char, found.span.end_char) == (0, 8)
    assert (found.start_s, round(found.end_s, 3)) == (0.0, 1.3)


def test_a_code_is_found_in_the_answer_of_the_other_channel():
    asked = said("请报一下您收到的验证码", 0.0)
    answer = said("好的是三五八幺二九", 6.0, channel=1)
    late = said("三五八幺二九", 60.0, channel=1, number=1)
    assert where(find_in_call([asked, answer, late])) == [
        ("358129", "三五八幺二九", "code", 6.3, 6.9)
    ]
    assert find_in_call([answer]) == []
