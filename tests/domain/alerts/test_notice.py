"""A notice says what its receiver needs, and no more than fits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callqa_assets.domain.alerts.notice import SAMPLE_NOTICE, Notice, SpanNotice, write_notice
from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.calls.recording import Recording
from tests.support.notices import fired

RECORDING = Recording(
    recording_id="c" * 32,
    day="2025-03-14",
    content_sha256="0" * 64,
    archive_path="archive/cc/call.wav",
    channels=2,
    channel_roles=("agent", "customer"),
    sample_rate=8000,
    duration_s=600.0,
    started_at=datetime(2025, 3, 13, 16, 0, 1, 999_999, tzinfo=UTC),
    metadata_version="0",
    facts=CallFacts(call_id="R13800138000", agent_id="1001", customer_id="13800138000", line="hot"),
)
ALERT = fired(RECORDING.recording_id, started_s=100.0, ended_s=110.0)


def span(start_s: float, end_s: float) -> SpanNotice:
    return {"start_s": start_s, "end_s": end_s, "emotion": "angry", "confidence": 0.9}


def piece(text: str, channel: int = 1) -> dict[str, Any]:
    return {"channel": channel, "start_s": 100.0, "end_s": 101.0, "text": text}


def write(*said: dict[str, Any], spans: tuple[SpanNotice, ...] = ()) -> Notice:
    return write_notice(
        RECORDING, ALERT, spans=spans, said=said, run_id="run", timezone=ZoneInfo("Asia/Shanghai")
    )


@pytest.mark.parametrize(
    ("start_s", "end_s", "is_near"),
    [
        (80.0, 90.0, False),
        (80.0, 90.001, True),
        (102.0, 104.0, True),
        (80.0, 130.0, True),
        (119.999, 130.0, True),
        (120.0, 130.0, False),
    ],
)
def test_the_timeline_is_that_of_ten_seconds_before_and_after(start_s, end_s, is_near):
    near = span(start_s, end_s)
    assert write(spans=(near,))["timeline"] == ([near] if is_near else [])


def test_a_notice_holds_the_first_twenty_spans_twelve_pieces_and_three_hundred_characters():
    spans = tuple(span(100 + n / 10, 100.1 + n / 10) for n in range(21))
    assert write(spans=spans)["timeline"] == list(spans[:20])
    said = [piece(f"第{n}句") for n in range(13)]
    assert [part["text"] for part in write(*said)["said"]] == [f"第{n}句" for n in range(12)]
    (long,) = write(piece("退" * 300 + "款"))["said"]
    assert long["text"] == "退" * 300


def test_a_number_is_masked_over_the_pieces_of_one_channel_and_not_across_two():
    said = [piece("一三八，"), piece("好的", 0), piece("零零一三，"), piece("八零零零")]
    texts = [(part["role"], part["text"]) for part in write(*said)["said"]]
    assert texts == [
        ("customer", "一三八****"),
        ("agent", "好的"),
        ("customer", "****"),
        ("customer", "****八零零零"),
    ]
    shared = [piece("一三八零", 1), piece("零一三八", 0)]
    assert [part["text"] for part in write(*shared)["said"]] == ["一三八零", "零一三八"]


def test_it_tells_when_the_call_began_by_the_local_clock_and_never_who_called():
    written = write()
    assert written["call_started_at"] == "2025-03-14T00:00:01+08:00"
    assert (written["call_id"], written["agent_id"]) == ("R138****8000", "1001")
    assert (written["line"], written["queue"]) == ("hot", None)
    assert "customer_id" not in written
    assert (written["audio_path"], written["run_id"]) == ("archive/cc/call.wav", "run")


def test_the_sample_is_a_notice_like_any_other():
    assert SAMPLE_NOTICE.keys() == write().keys()
    assert len(SAMPLE_NOTICE["alert_id"]) == len(SAMPLE_NOTICE["recording_id"]) == 32
    (span,) = SAMPLE_NOTICE["timeline"]
    started_s, ended_s = SAMPLE_NOTICE["started_s"], SAMPLE_NOTICE["ended_s"]
    assert (span["start_s"], span["end_s"]) == (started_s, ended_s)
    assert started_s <= SAMPLE_NOTICE["fired_at_s"] <= ended_s
    assert 0 < SAMPLE_NOTICE["peak"] == span["confidence"] <= 1
