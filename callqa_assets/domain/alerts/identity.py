"""Alert ids: made from what fired where, and kept when alerts are computed again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from callqa_assets.domain.rules.engine.evaluate import FiredAlert

_TOUCH_S = 1e-6
"""Alerts within this distance touch: times are rounded to milliseconds."""


@dataclass(frozen=True)
class StoredAlert:
    """What `carry_ids` needs of an alert of an earlier computation, superseded or not."""

    alert_id: str
    recording_id: str
    channel: int
    rule: str
    started_s: float
    ended_s: float


def carry_ids(
    new: Sequence[FiredAlert], old: Sequence[StoredAlert]
) -> tuple[list[FiredAlert], set[str]]:
    """New alerts under the ids of the old ones that they continue, and the ids that ended.

    A new alert continues the old one of its recording, channel and rule that it overlaps (or
    touches) most; each continues at most one. `old` should include superseded alerts: where a rule
    is changed and changed back, nobody is notified twice of the same event. Returns the new alerts
    in their order, and the ids of `old` that no new alert continues.
    """
    pairs: list[tuple[float, int, int]] = []
    by_subject: dict[tuple[str, int, str], list[int]] = {}
    for j, stored in enumerate(old):
        subject = (stored.recording_id, stored.channel, stored.rule)
        by_subject.setdefault(subject, []).append(j)
    for i, alert in enumerate(new):
        for j in by_subject.get((alert.recording_id, alert.channel, alert.rule), []):
            overlap_s = min(alert.ended_s, old[j].ended_s) - max(alert.started_s, old[j].started_s)
            if overlap_s >= -_TOUCH_S:
                pairs.append((overlap_s, i, j))

    # Ties go to the earlier alerts: the order of the rows must not matter.
    pairs.sort(key=lambda p: (-p[0], new[p[1]].started_s, old[p[2]].started_s, old[p[2]].alert_id))
    continued: dict[int, str] = {}
    kept: set[str] = set()
    for _, i, j in pairs:
        if i not in continued and old[j].alert_id not in kept:
            continued[i] = old[j].alert_id
            kept.add(old[j].alert_id)

    # An alert that moved keeps an id made from where it once began; a new alert that begins there
    # must not get the same id.
    used = {stored.alert_id for stored in old}
    carried: list[FiredAlert] = []
    renamed: dict[str, str] = {}
    for i, alert in enumerate(new):
        alert_id = continued.get(i, alert.alert_id)
        while i not in continued and alert_id in used:
            alert_id = hashlib.sha256(alert_id.encode()).hexdigest()[:32]
        used.add(alert_id)
        renamed[alert.alert_id] = alert_id
        carried.append(replace(alert, alert_id=alert_id))
    carried = [
        replace(alert, inhibited_by=renamed[alert.inhibited_by]) if alert.inhibited_by else alert
        for alert in carried
    ]
    return carried, {stored.alert_id for stored in old} - kept
