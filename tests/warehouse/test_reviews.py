"""Reviews: what waits, which decisions count, the precision; a moved alert keeps its reviews."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.domain.statistics.proportions import wilson_interval
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.reviews import (
    ReviewError,
    decide,
    find_alert,
    read_rule_precision,
    read_waiting,
)
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAYS = ("2025-03-14", "2025-03-15")
NOW = datetime(2025, 3, 20, 9, 0, tzinfo=UTC)
TO_REVIEW = RULES + "    review: true\n"


def write_calls(drop: Path) -> None:
    for seed, day in enumerate((DAYS[0], DAYS[0], DAYS[1])):
        write_call(drop, day, f"10{seed}", seed=seed, anger=0.2)


@pytest.fixture
def reviewed(process_calls) -> DirectRun:
    """Three angry calls on two days, processed; their alerts are to be reviewed."""
    return process_calls(write_calls, TO_REVIEW.format(threshold=0.5))


@pytest.fixture
def waiting(warehouse, reviewed):
    def read(day: str | None = None, rule: str | None = None, limit: int = 20):
        with warehouse.read() as connection:
            return read_waiting(connection, day=day, rule=rule, limit=limit)

    return read


@pytest.fixture
def review(warehouse):
    def store(alert_id: str, verdict: bool, reviewer: str = "ann", minutes: int = 0) -> None:
        with warehouse.write() as connection:
            decide(
                connection,
                alert_id,
                is_true_alarm=verdict,
                reviewer=reviewer,
                note=None,
                now=NOW + timedelta(minutes=minutes),
            )

    return store


@pytest.fixture
def precision(warehouse):
    def read():
        with warehouse.read() as connection:
            (row,) = read_rule_precision(connection)
        return row

    return read


def test_alerts_for_review_are_found_by_day_and_rule_with_their_text_until_decided(waiting, review):
    assert [alert.day for alert in waiting()] == [DAYS[1], DAYS[0], DAYS[0]]
    assert len(waiting(limit=2)) == 2
    assert waiting(rule="calm") == []
    (alert,) = waiting(day=DAYS[1], rule="anger")
    assert (alert.agent_id, alert.role, alert.priority) == ("102", "customer", "high")
    assert alert.text.startswith("响度")
    review(alert.alert_id, True)
    assert waiting(day=DAYS[1]) == []
    assert len(waiting()) == 2


def test_an_alert_that_is_superseded_or_needs_no_review_does_not_wait(reviewed, waiting, warehouse):
    first, second, _ = (alert.alert_id for alert in waiting())
    with warehouse.write() as connection:
        change = sa.update(tables.alerts)
        connection.execute(
            change.where(tables.alerts.c.alert_id == first).values(superseded_at=NOW)
        )
        connection.execute(
            change.where(tables.alerts.c.alert_id == second).values(needs_review=False)
        )
    assert len(waiting()) == 1


def test_what_is_urgent_comes_first(waiting, warehouse):
    last = waiting()[-1].alert_id
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.alerts)
            .where(tables.alerts.c.alert_id != last)
            .values(priority="medium")
        )
    assert waiting()[0].alert_id == last


def test_the_latest_decision_of_each_reviewer_counts_and_the_earlier_ones_are_kept(
    waiting, review, precision, warehouse
):
    alert = waiting()[0].alert_id
    review(alert, False, minutes=0)
    review(alert, True, minutes=5)
    assert (precision().true_alarms, precision().false_alarms) == (1, 0)
    assert len(read_rows(warehouse, tables.alert_reviews)) == 2


def test_most_reviewers_decide_and_a_tie_is_neither(waiting, review, precision):
    alert = waiting()[0].alert_id
    review(alert, True, "ann")
    review(alert, False, "bo")
    tie = precision()
    assert (tie.decided, tie.true_alarms, tie.false_alarms, tie.precision) == (1, 0, 0, None)
    assert tie.interval == (0.0, 1.0)
    review(alert, False, "chen")
    assert (precision().false_alarms, precision().precision) == (1, 0.0)


def test_precision_is_that_of_the_alerts_in_force(waiting, review, precision, warehouse):
    ids = [alert.alert_id for alert in waiting()]
    for alert_id, verdict in zip(ids, (True, True, False), strict=True):
        review(alert_id, verdict)
    row = precision()
    assert (row.rule, row.mode, row.standing, row.waiting, row.decided) == (
        "anger",
        "live",
        3,
        0,
        3,
    )
    assert row.precision == pytest.approx(2 / 3)
    assert row.interval == wilson_interval(2, 3)
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.alerts)
            .where(tables.alerts.c.alert_id == ids[2])
            .values(superseded_at=NOW)
        )
    assert (precision().standing, precision().precision) == (2, 1.0)


class LaterAnger(FakeModels):
    """Another model: it finds the anger a window later."""

    @property
    def emotion_identity(self) -> ModelIdentity:
        return ModelIdentity("toy-ser", "1" * 64, {})

    def recognize(self, channels):
        recognized = super().recognize(channels)
        for segment in (segment for channel in recognized for segment in channel):
            segment.windows[0] = np.eye(9, dtype=np.float32)[EMOTIONS.index("neutral")]
        return recognized


def test_a_review_survives_a_recomputation_that_moves_the_alert(
    reviewed, waiting, review, precision
):
    before = waiting(day=DAYS[1])[0]
    review(before.alert_id, False)
    reviewed.run(LaterAnger())
    (moved,) = (
        row
        for row in read_rows(reviewed.warehouse, tables.alerts)
        if row["alert_id"] == before.alert_id
    )
    assert moved["started_s"] > before.started_s
    assert waiting(day=DAYS[1]) == []
    assert (precision().standing, precision().false_alarms) == (3, 1)


def test_a_review_moves_to_the_better_day_of_its_call(reviewed, waiting, review, home, warehouse):
    """A sidecar that arrives late takes all rows of the call along."""
    alert = waiting(day=DAYS[1])[0]
    review(alert.alert_id, True)
    sidecar = home.drop / Path(alert.source_name).with_suffix(".json")
    sidecar.write_text('{"started_at": "2025-03-16 10:00:00"}')
    reviewed.run(FakeModels())
    (review,) = read_rows(warehouse, tables.alert_reviews)
    assert review["day"] == "2025-03-16"


def test_the_beginning_of_an_id_is_enough_where_it_is_unambiguous(waiting, warehouse):
    ids = [alert.alert_id for alert in waiting()]
    with warehouse.read() as connection:
        assert find_alert(connection, ids[0][:10].upper()) == ids[0]
        for unknown in ("", "zz", "%", "_"):
            with pytest.raises(ReviewError, match="review list"):
                find_alert(connection, unknown)


def test_a_beginning_that_several_share_names_them(waiting, warehouse):
    ids = [alert.alert_id for alert in waiting()]
    twins = ["ab" + "0" * 30, "ab" + "1" * 30]
    with warehouse.write() as connection:
        for alert_id, twin in zip(ids, twins, strict=False):
            connection.execute(
                sa.update(tables.alerts)
                .where(tables.alerts.c.alert_id == alert_id)
                .values(alert_id=twin)
            )
    with warehouse.read() as connection, pytest.raises(ReviewError, match=", ".join(twins)):
        find_alert(connection, "ab")


def test_a_decision_needs_a_name(waiting, review):
    with pytest.raises(ReviewError, match="--reviewer"):
        review(waiting()[0].alert_id, True, "  ")
