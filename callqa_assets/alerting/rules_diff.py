"""`callqa rules diff`: what other rules would have found in calls that were processed.

The stored annotations of the calls are loaded and evaluated by the alerts stage's own functions, so
that the result is what a run would do. No model runs and nothing is written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from callqa_assets.domain.alerts.changes import AlertChange, ChangeKind, compare_alerts
from callqa_assets.domain.alerts.identity import StoredAlert
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.days import Calendar
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.rules.call_input import CallAnnotations, CallContext
from callqa_assets.domain.rules.engine.evaluate import FiredAlert, evaluate_calls, text_of
from callqa_assets.domain.rules.rule_set import RuleSet
from callqa_assets.stages.stored_calls import STAGES, load_stored_calls
from callqa_assets.warehouse.database import Warehouse, chunks
from callqa_assets.warehouse.recordings import recording_from_row
from callqa_assets.warehouse.tables import alerts, recordings, stage_runs
from resources.storage.lake import EmotionLake


class RulesDiffError(CallqaError):
    """What is stored does not suffice for a comparison; the message says what to run."""


@dataclass(frozen=True)
class Example:
    """One alert that changes, with what a person needs to find it."""

    day: str
    source_name: str
    change: AlertChange
    role: str
    text: str


@dataclass
class RulesDiff:
    """How two sets of rules differ on some days."""

    examples_wanted: int
    recordings: int = 0
    left_out: int = 0
    """Good recordings that some earlier stage has not processed."""
    audio_hours: float = 0.0
    counts: Counter[tuple[str, ChangeKind]] = field(default_factory=Counter)
    """By rule and kind of change."""
    inhibited_before: Counter[str] = field(default_factory=Counter)
    """By rule: how many of the alerts before were inhibited."""
    inhibited_after: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, ChangeKind], list[Example]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The first of each rule and kind, by day and recording."""

    @property
    def rules(self) -> list[str]:
        return sorted({rule for rule, _ in self.counts})

    def count(self, kind: ChangeKind, *rules: str) -> int:
        return sum(self.counts[rule, kind] for rule in rules)

    def before(self, *rules: str) -> int:
        """Alerts of these rules before the change."""
        return sum(self.count(kind, *rules) for kind in ("gone", "moved", "same"))

    def after(self, *rules: str) -> int:
        return sum(self.count(kind, *rules) for kind in ("added", "moved", "same"))


def diff_rules(
    warehouse: Warehouse,
    lake: EmotionLake,
    calendar: Calendar,
    rules: RuleSet,
    days: tuple[str, str],
    *,
    against: RuleSet | None = None,
    examples: int = 3,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RulesDiff:
    """Compare `rules` with the alerts in force, or with `against`, on the days from first to
    last; `progress` is called with (recordings done, recordings in all).

    Raises RulesDiffError where a stored track is missing.
    """
    diff = RulesDiff(examples)
    with warehouse.read() as connection:
        calls, diff.left_out = _read_calls(connection, days)
    for batch in chunks(calls):
        annotated = _load(warehouse, lake, calendar, batch)
        after = evaluate_calls(rules, annotated)
        if against is None:
            with warehouse.read() as connection:
                ids = [call.recording.recording_id for call in batch]
                before = _read_in_force(connection, ids)
        else:
            before = [
                [_as_before(alert) for alert in fired]
                for fired in evaluate_calls(against, annotated)
            ]
        for call, was, fired in zip(batch, before, after, strict=True):
            _add(diff, call, was, fired)
        progress(diff.recordings, len(calls))
    return diff


@dataclass(frozen=True)
class _Call:
    recording: Recording
    source_name: str


@dataclass(frozen=True)
class _Before:
    """An alert in force, or of the rules compared with."""

    alert: StoredAlert
    role: str
    text: str
    is_inhibited: bool


def _read_calls(connection: sa.Connection, days: tuple[str, str]) -> tuple[list[_Call], int]:
    """Good recordings whose earlier stages are all `ok`, and the number of the others."""
    ready = (
        sa.select(stage_runs.c.recording_id)
        .where(stage_runs.c.stage.in_(STAGES), stage_runs.c.status == "ok")
        .group_by(stage_runs.c.recording_id)
        .having(sa.func.count() == len(STAGES))
    )
    good = (recordings.c.day.between(*days), recordings.c.status == "ok")
    rows = connection.execute(
        sa.select(recordings)
        .where(*good, recordings.c.recording_id.in_(ready))
        .order_by(recordings.c.day, recordings.c.started_at, recordings.c.recording_id)
    )
    calls = [_Call(recording_from_row(row), row.source_name) for row in rows]
    count = connection.execute(sa.select(sa.func.count()).where(*good)).scalar_one()
    return calls, count - len(calls)


def _load(
    warehouse: Warehouse, lake: EmotionLake, calendar: Calendar, calls: Sequence[_Call]
) -> list[tuple[CallContext, CallAnnotations]]:
    try:
        stored = load_stored_calls(warehouse, lake, calendar, [call.recording for call in calls])
    except FileNotFoundError as error:
        days = f"{calls[0].recording.day} to {calls[-1].recording.day}"
        raise RulesDiffError(
            f"a stored emotion track is missing ({error}); materialize emotion_scores with force "
            f"for the day it belongs to, {days}"
        ) from error
    return [(call.context, call.annotations) for call in stored]


def _read_in_force(connection: sa.Connection, recording_ids: Sequence[str]) -> list[list[_Before]]:
    query = sa.select(alerts).where(
        alerts.c.recording_id.in_(recording_ids), alerts.c.superseded_at.is_(None)
    )
    in_force: dict[str, list[_Before]] = {recording_id: [] for recording_id in recording_ids}
    for row in connection.execute(query.order_by(alerts.c.channel, alerts.c.started_s)):
        stored = StoredAlert(*(getattr(row, name) for name in _IDENTITY))
        in_force[row.recording_id].append(
            _Before(stored, row.role, text_of(row.evidence), row.inhibited_by is not None)
        )
    return list(in_force.values())


_IDENTITY = [column.name for column in fields(StoredAlert)]


def _as_before(alert: FiredAlert) -> _Before:
    stored = StoredAlert(*(getattr(alert, name) for name in _IDENTITY))
    return _Before(stored, alert.role, text_of(alert.evidence), alert.inhibited_by is not None)


def _add(
    diff: RulesDiff, call: _Call, before: Sequence[_Before], after: Sequence[FiredAlert]
) -> None:
    """Add one call's changes to the totals."""
    diff.recordings += 1
    diff.audio_hours += call.recording.duration_s / 3600
    diff.inhibited_before.update(old.alert.rule for old in before if old.is_inhibited)
    diff.inhibited_after.update(alert.rule for alert in after if alert.inhibited_by is not None)
    changes = compare_alerts([old.alert for old in before], after)
    fired = [(alert.role, text_of(alert.evidence)) for alert in after]
    was = {old.alert.alert_id: (old.role, old.text) for old in before}
    gone = [was[change.alert_id] for change in changes[len(fired) :]]
    for change, (role, text) in zip(changes, [*fired, *gone], strict=True):
        diff.counts[change.rule, change.kind] += 1
        shown = diff.examples[change.rule, change.kind]
        if change.kind != "same" and len(shown) < diff.examples_wanted:
            shown.append(Example(call.recording.day, call.source_name, change, role, text))
