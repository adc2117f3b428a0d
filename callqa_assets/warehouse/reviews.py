"""Alerts that wait for review, reviewers' decisions, and the resulting precision of the rules.

A decision belongs to an alert's id, which an alert keeps where a recomputation moves it. Rows are
only ever added: the latest decision of each reviewer counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from callqa_assets.domain.alerts.priorities import PRIORITY_RANKS
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.rules.engine.evaluate import text_of
from callqa_assets.domain.statistics.proportions import wilson_interval
from callqa_assets.warehouse.changed_days import mark_changed
from callqa_assets.warehouse.tables import alert_reviews, alerts, recordings

_MAX_NAMED = 5


class ReviewError(CallqaError):
    """A decision that cannot be stored; the message names the cure."""


@dataclass(frozen=True)
class WaitingAlert:
    """An alert to be reviewed, with what a person needs to find the moment."""

    alert_id: str
    day: str
    source_name: str
    call_id: str | None
    agent_id: str | None
    queue: str | None
    role: str
    rule: str
    priority: str
    started_s: float
    ended_s: float
    peak: float
    text: str
    """Of the segments in its evidence."""


@dataclass(frozen=True)
class RulePrecision:
    """The precision of a rule's alerts in force (`standing`), by those that people decided."""

    rule: str
    mode: str
    standing: int
    waiting: int
    decided: int
    true_alarms: int
    false_alarms: int
    precision: float | None
    """True alarms among those on which most reviewers agree; None where there are none."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `precision`, were the decided ones a random draw."""
        return wilson_interval(self.true_alarms, self.true_alarms + self.false_alarms)


def read_waiting(
    connection: sa.Connection, *, day: str | None, rule: str | None, limit: int
) -> list[WaitingAlert]:
    """Alerts in force that wait for review, by priority and then from the newest day."""
    query = (
        sa.select(
            alerts,
            recordings.c.source_name,
            recordings.c.call_id,
            recordings.c.agent_id,
            recordings.c.queue,
        )
        .join(recordings, recordings.c.recording_id == alerts.c.recording_id)
        .where(
            alerts.c.needs_review,
            alerts.c.superseded_at.is_(None),
            alerts.c.alert_id.not_in(sa.select(alert_reviews.c.alert_id)),
        )
        .order_by(
            sa.case(PRIORITY_RANKS, value=alerts.c.priority, else_=len(PRIORITY_RANKS)),
            alerts.c.day.desc(),
            recordings.c.started_at,
            alerts.c.started_s,
            alerts.c.alert_id,
        )
        .limit(limit)
    )
    if day is not None:
        query = query.where(alerts.c.day == day)
    if rule is not None:
        query = query.where(alerts.c.rule == rule)
    return [
        WaitingAlert(
            alert_id=row.alert_id,
            day=row.day,
            source_name=row.source_name,
            call_id=row.call_id,
            agent_id=row.agent_id,
            queue=row.queue,
            role=row.role,
            rule=row.rule,
            priority=row.priority,
            started_s=row.started_s,
            ended_s=row.ended_s,
            peak=row.peak,
            text=text_of(row.evidence),
        )
        for row in connection.execute(query)
    ]


def find_alert(connection: sa.Connection, prefix: str) -> str:
    """The id of the one alert, in force or superseded, that begins with `prefix`.

    Raises ReviewError where none or several do.
    """
    column = alerts.c.alert_id
    begins = column.startswith(prefix.lower(), autoescape=True)
    query = sa.select(column).where(begins).order_by(column).limit(_MAX_NAMED + 1)
    found = list(connection.execute(query).scalars())
    if not prefix or not found:
        raise ReviewError(f"no alert begins with {prefix!r}: `callqa review list` shows the ids")
    if len(found) > 1:
        more = " …" if len(found) > _MAX_NAMED else ""
        raise ReviewError(
            f"{prefix!r} is the beginning of several alerts, write more of it: "
            f"{', '.join(found[:_MAX_NAMED])}{more}"
        )
    return found[0]


def decide(
    connection: sa.Connection,
    alert_id: str,
    *,
    is_true_alarm: bool,
    reviewer: str,
    note: str | None,
    now: datetime,
) -> None:
    """Store a reviewer's decision on an alert. Raises ReviewError without a reviewer's name."""
    if not reviewer.strip():
        raise ReviewError("a decision needs the reviewer's name: --reviewer NAME")
    alert = connection.execute(
        sa.select(alerts.c.recording_id, alerts.c.day).where(alerts.c.alert_id == alert_id)
    ).one()
    connection.execute(
        sa.insert(alert_reviews).values(
            alert_id=alert_id,
            reviewer=reviewer.strip(),
            decided_at=now,
            recording_id=alert.recording_id,
            day=alert.day,
            is_true_alarm=is_true_alarm,
            note=note,
        )
    )
    mark_changed(connection, [alert.day])


def read_rule_precision(connection: sa.Connection) -> Sequence[RulePrecision]:
    """The view `rule_precision`, by rule."""
    query = sa.text("SELECT * FROM rule_precision ORDER BY rule, mode")
    return [RulePrecision(**row) for row in connection.execute(query).mappings()]
