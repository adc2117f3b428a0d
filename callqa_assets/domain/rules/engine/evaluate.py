"""Evaluation of alert rules on calls: which alerts fire, with evidence, and which are inhibited.

In event time, the call's own. Rules are defined in `rule_set`, conditions evaluated in `find`; how
an alert keeps its id when it is computed again is in `domain.alerts.identity`. The meaning of rules
for those who write them: docs/rules.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from callqa_assets.domain.rules.call_input import CallAnnotations, CallContext
from callqa_assets.domain.rules.conditions.composed import leaves
from callqa_assets.domain.rules.engine.batch import CallBatch
from callqa_assets.domain.rules.engine.find import ConditionFinder
from callqa_assets.domain.rules.engine.intervals import LANE_BITS, Ticks
from callqa_assets.domain.rules.rule_set import Rule, RuleSet

MAX_EVIDENCE_SEGMENTS = 50


@dataclass(frozen=True)
class FiredAlert:
    """One firing of one rule on one channel; times in seconds from the recording's start."""

    alert_id: str
    recording_id: str
    channel: int
    role: str
    rule: str
    rule_hash: str
    """Of the rule set: the key under which its text is stored."""
    priority: str
    notify_channels: tuple[str, ...]
    started_s: float
    ended_s: float
    """End of the last tile on which the rule's condition held."""
    fired_at_s: float
    """When the rule's condition had held for its `duration_sec`."""
    peak: float
    mode: Literal["live", "shadow"]
    needs_review: bool
    evidence: Mapping[str, Any]
    """JSON-serialisable: what each condition found between start and end, and the transcript."""
    inhibited_by: str | None = None
    """Id of the alert that inhibits this one: it is not delivered."""


def evaluate(
    rule_set: RuleSet, call: CallContext, annotations: CallAnnotations
) -> list[FiredAlert]:
    """Every alert that the rules fire on one call, by channel, start and rule name."""
    return evaluate_calls(rule_set, [(call, annotations)])[0]


def evaluate_calls(
    rule_set: RuleSet, calls: Sequence[tuple[CallContext, CallAnnotations]]
) -> list[list[FiredAlert]]:
    """`evaluate` for many calls at once: one list per call, the same as for each call alone.

    A rule is evaluated on every channel with one of its roles; one whose conditions are all about
    the call as a whole, on the lowest of these. Each interval of its condition is an alert.
    """
    batch = CallBatch(calls)
    fired: list[list[FiredAlert]] = [[] for _ in calls]
    for rule in rule_set.rules:
        if rule.enabled:
            finder = ConditionFinder(batch)
            found = finder.find(rule.condition, _lanes_of(rule, batch))
            for start, end, known in found.rows():
                number = int(batch.call_of_lane[start >> LANE_BITS])
                fired[number].append(
                    _describe(rule_set, rule, finder, batch, calls[number], start, end, known)
                )
    return [_inhibit(rule_set, sorted(alerts, key=_place)) for alerts in fired]


def make_alert_id(recording_id: str, channel: int, rule: str, started_s: float) -> str:
    """First 32 hex digits of SHA-256 over recording, channel, rule and start (to the ms)."""
    key = json.dumps([recording_id, channel, rule, f"{started_s:.3f}"], ensure_ascii=False)
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _lanes_of(rule: Rule, batch: CallBatch) -> Ticks:
    """The lanes on which a rule is evaluated, ascending."""
    covered = np.array(
        [rule.when is None or rule.when.covers(call) for call in batch.calls], np.bool_
    )
    lanes = np.flatnonzero(np.isin(batch.roles, rule.role) & covered[batch.call_of_lane])
    if any(leaf.depends_on_channel for leaf in leaves(rule.condition)):
        return lanes
    return lanes[np.unique(batch.call_of_lane[lanes], return_index=True)[1]]


def _describe(
    rule_set: RuleSet,
    rule: Rule,
    finder: ConditionFinder,
    batch: CallBatch,
    called: tuple[CallContext, CallAnnotations],
    start: int,
    end: int,
    fired_at: int,
) -> FiredAlert:
    """The alert of one interval of a rule's condition, its times on the batch's axis."""
    call, annotations = called
    lane = start >> LANE_BITS
    base = lane << LANE_BITS
    channel = batch.channel_of(lane)
    started_s, ended_s = _seconds(start - base), _seconds(end - base)
    found = list(finder.explain(rule.condition, lane, start, end))
    channels = {channel} | {part["channel"] for part in found if "channel" in part}
    return FiredAlert(
        alert_id=make_alert_id(call.recording_id, channel, rule.name, started_s),
        recording_id=call.recording_id,
        channel=channel,
        role=call.roles[channel],
        rule=rule.name,
        rule_hash=rule_set.rule_hash,
        priority=rule.priority,
        notify_channels=rule.channels,
        started_s=started_s,
        ended_s=ended_s,
        fired_at_s=_seconds(fired_at - base),
        peak=finder.peak(rule.condition, start, end),
        mode="shadow" if rule.enabled == "shadow" else "live",
        needs_review=rule.review,
        evidence={
            "definition_hash": rule.definition_hash,
            "found": found,
            "said": _select_transcripts(annotations, channels, started_s, ended_s),
        },
    )


def text_of(evidence: Mapping[str, Any]) -> str:
    """The transcript of an alert's duration, from its evidence."""
    return " ".join(part["text"] for part in evidence["said"] if part["text"])


def _select_transcripts(
    annotations: CallAnnotations, channels: set[int], started_s: float, ended_s: float
) -> list[dict[str, Any]]:
    """The transcripts of these channels between two times, by start."""
    segments = [
        segment
        for segment in annotations.segments
        if segment.channel in channels and segment.start_s < ended_s and segment.end_s > started_s
    ]
    segments.sort(key=lambda segment: (segment.start_s, segment.channel))
    return [
        {"channel": s.channel, "start_s": s.start_s, "end_s": s.end_s, "text": s.text}
        for s in segments[:MAX_EVIDENCE_SEGMENTS]
    ]


def _inhibit(rule_set: RuleSet, alerts: list[FiredAlert]) -> list[FiredAlert]:
    """Mark the alerts that another alert of the call inhibits.

    A shadow or inhibited alert inhibits nothing; one whose rule has no channels does.
    """
    inhibited: dict[str, str] = {}
    for rule in rule_set.in_order_of_inhibition:
        for strong in alerts:
            if strong.rule != rule.name or strong.mode == "shadow" or strong.alert_id in inhibited:
                continue
            for weak in alerts:
                apart_s = max(weak.started_s - strong.ended_s, strong.started_s - weak.ended_s)
                if weak.rule in rule.inhibits and apart_s <= rule.inhibits_within_sec:
                    inhibited.setdefault(weak.alert_id, strong.alert_id)
    return [replace(alert, inhibited_by=inhibited.get(alert.alert_id)) for alert in alerts]


def _place(alert: FiredAlert) -> tuple[int, float, str]:
    return alert.channel, alert.started_s, alert.rule


def _seconds(microseconds: int) -> float:
    return round(microseconds / 1e6, 3)
