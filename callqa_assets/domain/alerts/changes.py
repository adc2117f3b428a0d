"""What a change of rules would do to a call's alerts. How they keep their ids is in `identity`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from callqa_assets.domain.alerts.identity import StoredAlert, carry_ids
from callqa_assets.domain.rules.engine.evaluate import FiredAlert

_SAME_S = 0.0005
"""Alerts' times are rounded to milliseconds."""

ChangeKind = Literal["added", "gone", "moved", "same"]


@dataclass(frozen=True)
class AlertChange:
    """One alert before and after, under the id that it has or would keep."""

    kind: ChangeKind
    rule: str
    alert_id: str
    before_s: tuple[float, float] | None
    """Start and end in seconds; None where it was not there."""
    after_s: tuple[float, float] | None


def compare_alerts(before: Sequence[StoredAlert], after: Sequence[FiredAlert]) -> list[AlertChange]:
    """Each alert of either side once: those of `after` in their order, then those that are gone.

    An alert that would keep its id in the tables is the same alert, even where it moved.
    """
    old = {alert.alert_id: (alert.started_s, alert.ended_s) for alert in before}
    carried, gone = carry_ids(after, before)
    return [
        *(
            _compare(alert, old.get(alert.alert_id), (alert.started_s, alert.ended_s))
            for alert in carried
        ),
        *(
            AlertChange(
                kind="gone",
                rule=alert.rule,
                alert_id=alert.alert_id,
                before_s=old[alert.alert_id],
                after_s=None,
            )
            for alert in before
            if alert.alert_id in gone
        ),
    ]


def _compare(
    alert: FiredAlert, before_s: tuple[float, float] | None, after_s: tuple[float, float]
) -> AlertChange:
    kind: ChangeKind = "added"
    if before_s is not None:
        shifts_s = [abs(was - now) for was, now in zip(before_s, after_s, strict=True)]
        kind = "moved" if max(shifts_s) > _SAME_S else "same"
    return AlertChange(
        kind=kind, rule=alert.rule, alert_id=alert.alert_id, before_s=before_s, after_s=after_s
    )
