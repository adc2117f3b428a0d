"""Notices: the facts of an alert that a message to a receiver may contain.

Numbers are masked here, before any receiver sees them. The wording of messages is the notifier's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, TypedDict

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.pii.masking import mask_identifier, mask_texts
from callqa_assets.domain.rules.engine.evaluate import FiredAlert

TIMELINE_MARGIN_S = 10.0
"""Seconds before and after an alert whose emotions are included."""
MAX_SPANS = 20
MAX_SAID = 12
MAX_SAID_CHARACTERS = 300


class SpanNotice(TypedDict):
    """One span of the emotion timeline."""

    start_s: float
    end_s: float
    emotion: str
    confidence: float


class SegmentNotice(TypedDict):
    """One segment of speech."""

    role: str
    start_s: float
    end_s: float
    text: str
    """Masked."""


class Notice(TypedDict):
    """JSON-serialisable; times inside the call are seconds from its start."""

    alert_id: str
    rule: str
    priority: str
    role: str
    needs_review: bool
    agent_id: str | None
    queue: str | None
    line: str | None
    business_line: str | None
    call_id: str | None
    recording_id: str
    call_started_at: str
    """ISO 8601 with offset."""
    started_s: float
    ended_s: float
    fired_at_s: float
    peak: float
    timeline: list[SpanNotice]
    said: list[SegmentNotice]
    audio_path: str
    """In the archive, relative to the home."""
    run_id: str | None
    """Dagster's run that fired the alert."""


def write_notice(
    recording: Recording,
    alert: FiredAlert,
    *,
    spans: Iterable[SpanNotice],
    said: Sequence[Mapping[str, Any]],
    run_id: str | None,
    timezone: tzinfo,
) -> Notice:
    """The alert's facts, masked. `spans`: the channel's, ascending; `said`: from the evidence."""
    near: list[SpanNotice] = [
        span
        for span in spans
        if span["start_s"] < alert.ended_s + TIMELINE_MARGIN_S
        and span["end_s"] > alert.started_s - TIMELINE_MARGIN_S
    ]
    facts = recording.facts
    return {
        "alert_id": alert.alert_id,
        "rule": alert.rule,
        "priority": alert.priority,
        "role": alert.role,
        "needs_review": alert.needs_review,
        "agent_id": _masked(facts.agent_id),
        "queue": _masked(facts.queue),
        "line": _masked(facts.line),
        "business_line": _masked(facts.business_line),
        "call_id": _masked(facts.call_id),
        "recording_id": recording.recording_id,
        "call_started_at": recording.started_at.astimezone(timezone).isoformat(timespec="seconds"),
        "started_s": alert.started_s,
        "ended_s": alert.ended_s,
        "fired_at_s": alert.fired_at_s,
        "peak": alert.peak,
        "timeline": near[:MAX_SPANS],
        "said": [
            {
                "role": recording.channel_roles[segment["channel"]],
                "start_s": segment["start_s"],
                "end_s": segment["end_s"],
                "text": text[:MAX_SAID_CHARACTERS],
            }
            for segment, text in zip(said[:MAX_SAID], _masked_texts(said), strict=False)
        ],
        "audio_path": recording.archive_path,
        "run_id": run_id,
    }


def _masked(identifier: str | None) -> str | None:
    return None if identifier is None else mask_identifier(identifier)


def _masked_texts(said: Sequence[Mapping[str, Any]]) -> list[str]:
    """The text of each segment, masked; the segments of a channel are masked together."""
    texts = [""] * len(said)
    for channel in {segment["channel"] for segment in said}:
        own = [n for n, segment in enumerate(said) if segment["channel"] == channel]
        for n, text in zip(own, mask_texts([said[n]["text"] for n in own]), strict=True):
            texts[n] = text
    return texts


SAMPLE_NOTICE: Notice = {
    "alert_id": "0" * 32,
    "rule": "callqa alerts test",
    "priority": "low",
    "role": "customer",
    "needs_review": False,
    "agent_id": "1001",
    "queue": None,
    "line": None,
    "business_line": None,
    "call_id": None,
    "recording_id": "0" * 32,
    "call_started_at": "2025-03-14T09:30:00+08:00",
    "started_s": 12.5,
    "ended_s": 15.0,
    "fired_at_s": 14.5,
    "peak": 0.9,
    "timeline": [{"start_s": 12.5, "end_s": 15.0, "emotion": "angry", "confidence": 0.9}],
    "said": [],
    "audio_path": "archive/00/sample.wav",
    "run_id": None,
}
"""For test messages."""
