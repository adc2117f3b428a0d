"""Rules over emotion tracks: which alerts a call fires, and which of them are old acquaintances.

Event time, per channel, pure numpy; nothing here reads files, tables or clocks. The rules
themselves stand in `rules`; their semantics for people in docs/rules.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from callqa_assets.domain.emotion_labels import EMOTIONS
from callqa_assets.domain.heard import CallContext, ChannelTrack, Heard
from callqa_assets.domain.rules import Rule, RuleSet
from callqa_assets.domain.rules_conditions import CombinationCondition, EmotionCondition

MAX_EVIDENCE_POINTS = 50

_TOLERANCE = 1e-6
"""Slack in every comparison: posteriors are float32, and times are sums of window hops."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class FiredAlert:
    """One firing of one rule on one channel; times in seconds from the recording's start."""

    alert_id: str
    recording_id: str
    channel: int
    role: str
    rule: str
    rule_hash: str
    """Of the whole rule set, the key under which its text is kept."""
    priority: str
    notify_channels: tuple[str, ...]
    started_s: float
    ended_s: float
    """End of the last piece of time that held the rule on."""
    fired_at_s: float
    """When the satisfied time reached the rule's `duration_sec`."""
    peak: float
    mode: Literal["live", "shadow"]
    needs_review: bool
    evidence: Mapping[str, Any]
    """JSON-serialisable: what each condition found between start and end, and what was said."""
    inhibited_by: str | None = None
    """Id of the alert beside which this one is not delivered."""


@dataclass(frozen=True)
class StoredAlert:
    """What `carry_ids` must know of an alert of an earlier computation, superseded or not."""

    alert_id: str
    recording_id: str
    channel: int
    rule: str
    started_s: float
    ended_s: float


def evaluate(rule_set: RuleSet, call: CallContext, heard: Heard) -> list[FiredAlert]:
    """Every alert that the rules fire on one call, by channel, start and rule name.

    A rule's value in a window is the sum of its emotions' posteriors. Each window speaks for
    the piece of time nearest to its centre (`_tile`). The rule fires once pieces at or above
    its level add up to `duration_sec` without a piece below between them; silence and missing
    windows count for nothing, and break the stretch where longer than `max_gap_sec`. It stays
    on at or above `threshold_off`, outlasts `keep_firing_sec` of speech below that, and ends
    with the last piece that held it on.
    """
    rules = [
        rule
        for rule in rule_set.rules
        if rule.enabled and (rule.when is None or rule.when.covers(call))
    ]
    alerts: list[FiredAlert] = []
    for channel in sorted({track.channel for track in heard.tracks}):
        parts = [track for track in heard.tracks if track.channel == channel]
        role = call.roles[channel]
        pieces = _tile(parts)
        for rule in rules:
            if role not in rule.role or not isinstance(
                rule.condition, EmotionCondition | CombinationCondition
            ):
                continue
            for firing in _find_firings(rule, pieces):
                started_s = round(float(pieces.start_s[firing.first]), 3)
                alerts.append(
                    FiredAlert(
                        alert_id=make_alert_id(call.recording_id, channel, rule.name, started_s),
                        recording_id=call.recording_id,
                        channel=channel,
                        role=role,
                        rule=rule.name,
                        rule_hash=rule_set.rule_hash,
                        priority=rule.priority,
                        notify_channels=rule.channels,
                        started_s=started_s,
                        ended_s=round(float(pieces.end_s[firing.last]), 3),
                        fired_at_s=round(firing.fired_at_s, 3),
                        peak=round(firing.peak, 4),
                        mode="shadow" if rule.enabled == "shadow" else "live",
                        needs_review=rule.review,
                        evidence=_collect_evidence(firing, rule, pieces),
                    )
                )
    return sorted(alerts, key=lambda alert: (alert.channel, alert.started_s, alert.rule))


def make_alert_id(recording_id: str, channel: int, rule: str, started_s: float) -> str:
    """First 32 hex digits of SHA-256 over what makes an alert that alert, start to the ms."""
    key = json.dumps([recording_id, channel, rule, f"{started_s:.3f}"], ensure_ascii=False)
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def carry_ids(
    new: Sequence[FiredAlert], old: Sequence[StoredAlert]
) -> tuple[list[FiredAlert], set[str]]:
    """New alerts under the ids of the old ones that they continue, and the ids that ended.

    A new alert continues the old one of its recording, channel and rule that it overlaps (or
    touches) most; each continues at most one. `old` should hold superseded alerts too: where
    a rule is changed and changed back, nobody is paged twice for the same moment. Returns the
    new alerts in their order, and the ids of `old` that no new alert continues.
    """
    pairs: list[tuple[float, int, int]] = []
    by_subject: dict[tuple[str, int, str], list[int]] = {}
    for j, stored in enumerate(old):
        subject = (stored.recording_id, stored.channel, stored.rule)
        by_subject.setdefault(subject, []).append(j)
    for i, alert in enumerate(new):
        for j in by_subject.get((alert.recording_id, alert.channel, alert.rule), []):
            overlap_s = min(alert.ended_s, old[j].ended_s) - max(alert.started_s, old[j].started_s)
            if overlap_s >= -_TOLERANCE:
                pairs.append((overlap_s, i, j))

    # Ties go to the earlier alerts, so that the order of the rows does not decide.
    pairs.sort(key=lambda p: (-p[0], new[p[1]].started_s, old[p[2]].started_s, old[p[2]].alert_id))
    continued: dict[int, str] = {}
    kept: set[str] = set()
    for _, i, j in pairs:
        if i not in continued and old[j].alert_id not in kept:
            continued[i] = old[j].alert_id
            kept.add(old[j].alert_id)

    # An alert that moved keeps an id made from where it once began; another one that now begins
    # there must not get the same.
    taken = {stored.alert_id for stored in old}
    carried: list[FiredAlert] = []
    for i, alert in enumerate(new):
        alert_id = continued.get(i, alert.alert_id)
        while i not in continued and alert_id in taken:
            alert_id = hashlib.sha256(alert_id.encode()).hexdigest()[:32]
        taken.add(alert_id)
        carried.append(replace(alert, alert_id=alert_id))
    return carried, {stored.alert_id for stored in old} - kept


@dataclass(frozen=True)
class _Pieces:
    """A channel's speech as disjoint pieces of time, ascending, one for each known window."""

    start_s: Floats
    end_s: Floats
    seconds: Floats
    gap_s: Floats
    """Shape [n]: time since the piece before, silent or unknown; the first one's is infinite."""
    posteriors: Floats


@dataclass(frozen=True)
class _Firing:
    """Indices of pieces; `last` is included."""

    first: int
    last: int
    fired_at_s: float
    values: Floats
    """Shape [n]: the rule's value in every piece of the channel, 0 where a floor is missed."""

    @property
    def peak(self) -> float:
        return float(self.values[self.first : self.last + 1].max())


def _tile(parts: Sequence[ChannelTrack]) -> _Pieces:
    """Cut a channel's speech among its overlapping windows.

    Neighbours in a segment meet half-way between their centres; the first and last windows of
    a segment speak for its edges too. Where windows lack, their neighbours speak for no more
    than half a hop, and the rest is a gap.
    """
    if len({part.hop_s for part in parts}) > 1:
        raise ValueError(f"parts of channel {parts[0].channel} disagree in hop")
    segment_no = np.concatenate([part.segment_no for part in parts])
    start_s = np.concatenate([part.start_s for part in parts]).astype(np.float64)
    end_s = np.concatenate([part.end_s for part in parts]).astype(np.float64)
    posteriors = np.concatenate([part.posteriors for part in parts]).astype(np.float64)
    order = np.lexsort((end_s, segment_no, start_s))
    segment_no, start_s, end_s = segment_no[order], start_s[order], end_s[order]
    posteriors = posteriors[order]

    hop_s = parts[0].hop_s
    centre_s = (start_s + end_s) / 2
    neighbours = segment_no[1:] == segment_no[:-1]
    # Windows sit on whole frames, so hops vary a little: a window lacks from 1.5 hops on.
    complete = np.diff(centre_s) < 1.5 * hop_s
    middle_s = (centre_s[1:] + centre_s[:-1]) / 2
    until_s = np.where(complete, middle_s, centre_s[:-1] + hop_s / 2)
    from_s = np.where(complete, middle_s, centre_s[1:] - hop_s / 2)
    end_s[:-1] = np.where(neighbours, until_s, end_s[:-1])
    start_s[1:] = np.where(neighbours, from_s, start_s[1:])

    known = ~np.isnan(posteriors).any(axis=1)
    start_s, end_s = start_s[known], end_s[known]
    return _Pieces(
        start_s=start_s,
        end_s=end_s,
        seconds=end_s - start_s,
        gap_s=np.concatenate([[np.inf], start_s[1:] - end_s[:-1]])[: len(start_s)],
        posteriors=posteriors[known],
    )


def _find_firings(rule: Rule, pieces: _Pieces) -> list[_Firing]:
    """Firings of one rule on one channel, ascending and apart from each other."""
    condition = rule.condition
    columns = [EMOTIONS.index(emotion) for emotion in rule.condition.emotions]
    values: Floats = pieces.posteriors[:, columns].sum(axis=1)
    if isinstance(rule.condition, CombinationCondition):
        for emotion, floor in rule.condition.floors.items():
            below = pieces.posteriors[:, EMOTIONS.index(emotion)] < floor - _TOLERANCE
            values[below] = 0.0
    on: Bools = values >= rule.condition.level_on - _TOLERANCE
    if not on.any():
        return []
    hold: Bools = values >= rule.condition.level_off - _TOLERANCE

    breaks: Bools = pieces.gap_s > rule.condition.max_gap_sec + _TOLERANCE
    firings: list[_Firing] = []
    satisfied_s = np.cumsum(np.where(on, pieces.seconds, 0.0))
    # A stretch of satisfied pieces begins after a piece below or a break.
    begins = np.flatnonzero(on & (breaks | ~np.concatenate([[False], on[:-1]])))
    ends = np.append(begins[1:], len(on))
    last = -1
    for first, limit in zip(begins.tolist(), ends.tolist(), strict=True):
        if first <= last:  # the firing before has run on into this stretch
            continue
        before_s = float(satisfied_s[first] - pieces.seconds[first])
        # Past the stretch `satisfied_s` stays flat, so what is found lies inside or nowhere.
        fired = first + int(
            np.searchsorted(
                satisfied_s[first:limit], before_s + rule.condition.duration_sec - _TOLERANCE
            )
        )
        if fired >= limit:
            continue
        fired_at_s = float(pieces.end_s[fired]) - max(
            0.0, float(satisfied_s[fired]) - before_s - rule.condition.duration_sec
        )
        last = _find_last_held(fired, hold, breaks, pieces.seconds, rule.condition.keep_firing_sec)
        firings.append(_Firing(first, last, fired_at_s, values))
    return firings


def _find_last_held(
    fired: int, hold: Bools, breaks: Bools, seconds: Floats, keep_firing_sec: float
) -> int:
    """The last piece that holds a rule on that fired at piece `fired`."""
    later_breaks = np.flatnonzero(breaks[fired + 1 :])
    limit = fired + 1 + int(later_breaks[0]) if later_breaks.size else len(hold)
    held = hold[fired:limit]
    below_s = np.cumsum(np.where(held, 0.0, seconds[fired:limit]))
    below_since_held_s = below_s - np.maximum.accumulate(np.where(held, below_s, 0.0))
    too_long = np.flatnonzero(~held & (below_since_held_s > keep_firing_sec + _TOLERANCE))
    stop = int(too_long[0]) if too_long.size else len(held)
    return fired + int(np.flatnonzero(held[:stop])[-1])


def _collect_evidence(firing: _Firing, rule: Rule, pieces: _Pieces) -> dict[str, Any]:
    """The rule's levels, and its emotions in at most `MAX_EVIDENCE_POINTS` pieces.

    Longer stretches are thinned evenly; first, last and highest piece always stay.
    """
    index = np.arange(firing.first, firing.last + 1)
    if len(index) > MAX_EVIDENCE_POINTS:
        evenly = np.linspace(0, len(index) - 1, MAX_EVIDENCE_POINTS - 1).round().astype(int)
        highest = int(np.argmax(firing.values[index]))
        index = index[np.union1d(evenly, [highest])]
    columns: dict[str, Floats] = {
        "start_s": pieces.start_s[index].round(3),
        "end_s": pieces.end_s[index].round(3),
    }
    for emotion in rule.condition.emotions:
        columns[emotion] = pieces.posteriors[index, EMOTIONS.index(emotion)].round(4)
    return {
        "definition_hash": rule.definition_hash,
        "level_on": rule.condition.level_on,
        "level_off": rule.condition.level_off,
        "floors": dict(rule.condition.floors)
        if isinstance(rule.condition, CombinationCondition)
        else {},
        "duration_sec": rule.condition.duration_sec,
        "keep_firing_sec": rule.condition.keep_firing_sec,
        "max_gap_sec": rule.condition.max_gap_sec,
        "windows_in_stretch": firing.last - firing.first + 1,
        "windows": {name: column.tolist() for name, column in columns.items()},
    }
