"""A spike is told once to each receiver of its topic, with the day that shows it, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.alerting.delivery import drain
from callqa_assets.cli import app
from callqa_assets.domain.alerts.spike_notice import SpikeNotice
from callqa_assets.domain.days import DEFAULT_CALENDAR, date_key
from callqa_assets.marts import topic_spikes
from callqa_assets.marts.mart import Mart, MartContext
from callqa_assets.marts.publishing import Publisher
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.changed_days import mark_changed
from callqa_assets.warehouse.mart_days import replace_rows
from callqa_assets.warehouse.outbox import Outbox
from tests.support.notices import fired, store_alerts, store_recording
from tests.support.receivers import HttpReceiver, MailReceiver
from tests.support.snapshot import read_rows
from tests.support.written_calls import with_defaults

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
MORNING = datetime(2025, 3, 14, 22, tzinfo=UTC)
"""06:00 in Shanghai, of the day after."""
BUDGET = timedelta(seconds=20)


def notice(topic: str = "退费", calls: int = 60, **facts) -> SpikeNotice:
    return {
        "day": DAY,
        "topic": topic,
        "names": {"zh": "退费退款", "en": "Refunds"},
        "is_new": False,
        "calls": calls,
        "calls_all": 1_000,
        "expected": 20.0,
        "days": 56,
        "run_id": None,
        **facts,
    }


@pytest.fixture
def tell(warehouse, clock):
    """Store a day's spikes and what is told of them, as publishing does."""
    clock.time = MORNING

    def run(*notices: SpikeNotice, receivers=("webhook",), outbox=None, now=None, day=DAY):
        rows = [
            with_defaults(
                tables.topic_spikes,
                {
                    "date_key": date_key(day),
                    "topic": one["topic"],
                    "state": "new" if one["is_new"] else "spike",
                },
            )
            for one in notices
        ]
        with warehouse.write() as connection:
            replace_rows(connection, tables.topic_spikes, day, rows)
            (outbox or Outbox()).write_spikes(
                connection,
                day,
                [({**one, "day": day}, receivers) for one in notices],
                run_id="run",
                now=now or clock.now(),
            )

    return run


@pytest.fixture
def rows(warehouse):
    def read():
        found = read_rows(warehouse, tables.alert_deliveries)
        return {(row["topic"], row["receiver"]): row for row in found}

    return read


def states(rows):
    return {key: (row["status"], row["suppressed_because"]) for key, row in rows().items()}


def test_each_receiver_of_a_topic_is_told_in_its_own_form(
    warehouse, start, start_mail, notifier_of, tell, rows, clock
):
    kinds = ("webhook", "dingtalk", "wecom", "feishu")
    receivers = [start(HttpReceiver(kind)) for kind in kinds]
    mail = start_mail(MailReceiver())
    tell(notice(), receivers=(*kinds, "email"))
    drain(warehouse, notifier_of(*receivers, mail), budget=BUDGET, clock=clock)
    assert {status for status, _ in states(rows).values()} == {"delivered"}
    webhook, *robots = receivers
    (event,) = webhook.accepted
    assert event.body["type"] == "topics.spiked"
    (spike,) = event.body["data"]["spikes"]
    assert (spike["topic"], spike["calls"], spike["day"]) == ("退费", 60, DAY)
    for robot in robots:
        (received,) = robot.accepted
        assert "1000 通中有 60 通，预计 20.0 通（3.0 倍）" in str(received.body)
    ((_, message),) = mail.mails
    assert message["subject"] == "话题激增：退费退款 2025-03-14"


def test_told_once_a_spike_is_not_told_again_whatever_its_figures_become(
    warehouse, start, notifier_of, tell, rows, clock
):
    receiver = start(HttpReceiver("webhook"))
    notifier = notifier_of(receiver)
    tell(notice())
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    told = rows()
    tell()  # a late file takes it away
    tell(notice(calls=90), notice("利率调整"))  # another brings it back, and a second one
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert rows()["退费", "webhook"] == told["退费", "webhook"]
    assert [r.body["data"]["spikes"][0]["topic"] for r in receiver.accepted] == ["退费", "利率调整"]


def test_what_nobody_has_yet_follows_the_day_and_is_withdrawn_with_the_spike(tell, rows):
    tell(notice())
    tell(notice(calls=61))
    assert rows()["退费", "webhook"]["payload"]["calls"] == 61
    tell()
    assert states(rows) == {("退费", "webhook"): ("suppressed", "withdrawn")}
    tell(notice(calls=62))
    assert states(rows) == {("退费", "webhook"): ("pending", None)}
    assert rows()["退费", "webhook"]["payload"]["calls"] == 62
    tell(notice(), receivers=("email",))
    assert states(rows) == {
        ("退费", "webhook"): ("suppressed", "withdrawn"),
        ("退费", "email"): ("pending", None),
    }


def test_a_spike_superseded_after_an_unclear_attempt_is_not_sent_again(
    warehouse, start, notifier_of, tell, rows, clock
):
    receiver = start(HttpReceiver("webhook", fail=lambda number: "reset"))
    notifier = notifier_of(receiver)
    tell(notice())
    drain(warehouse, notifier, budget=timedelta(seconds=1), clock=clock)
    assert rows()["退费", "webhook"]["message_id"]
    tell()
    receiver.fail = lambda number: None
    clock.advance(3_600)
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert receiver.accepted == []
    assert states(rows) == {("退费", "webhook"): ("suppressed", "withdrawn")}


@pytest.mark.parametrize(
    ("outbox", "published_at", "because"),
    [
        (Outbox(), MORNING + timedelta(hours=43), "old"),
        (Outbox(), MORNING + timedelta(hours=41), None),
        (Outbox(is_backfill=True), MORNING, "backfill"),
    ],
)
def test_nobody_is_told_of_old_days_or_by_a_backfill(tell, rows, outbox, published_at, because):
    tell(notice(), outbox=outbox, now=published_at)
    status = "pending" if because is None else "suppressed"
    assert states(rows) == {("退费", "webhook"): (status, because)}


def test_a_message_tells_of_alerts_or_of_spikes(warehouse, start, notifier_of, tell, rows, clock):
    """Too many for single messages: a digest of the alerts, and one of the spikes."""
    receiver = start(HttpReceiver("webhook"))
    notifier = notifier_of(receiver, keys={"webhook": {"fold_above": 1}})
    tell(notice(), notice("利率调整"), notice("新产品", is_new=True))
    recording_id = store_recording(warehouse, ended_at=clock.now())
    alerts = [fired(recording_id, n, receivers=("webhook",)) for n in range(3)]
    store_alerts(warehouse, recording_id, alerts, now=clock.now())
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    kinds = [(r.body["type"], len(*r.body["data"].values())) for r in receiver.accepted]
    assert kinds == [("alerts.fired", 3), ("topics.spiked", 3)]


def test_a_spike_is_told_by_the_transaction_that_publishes_its_day(warehouse, tmp_path):
    """And by no other: a day that another mart withholds tells nothing."""
    (tmp_path / "topics.yaml").write_text(
        "topics:\n"
        "  - {name: 退费, display: {zh: 退费退款, en: Refunds}, any: 退费, channels: dingtalk}\n"
        "  - {name: 投诉, any: 投诉}\n",
        encoding="utf-8",
    )

    def compute(context: MartContext, day: str):
        told = {"date_key": date_key(day), "calls": 60, "expected": 20.0, "days": 56}
        return {
            tables.topic_spikes: [
                with_defaults(tables.topic_spikes, {**told, "topic": topic, "state": state})
                for topic, state in (("退费", "spike"), ("投诉", "new"), ("登录", "spike"))
            ]
        }

    def fail(context: MartContext, day: str):
        raise ValueError("no such thing")

    spikes = Mart(
        "spikes", "", (tables.topic_spikes,), "1", compute, find_notices=topic_spikes.find_notices
    )
    broken = Mart("broken", "", (tables.topic_spikes,), "1", fail)
    with warehouse.write() as connection:
        mark_changed(connection, [DAY])

    def publish(*marts: Mart):
        publisher = Publisher(warehouse, marts, DEFAULT_CALENDAR, Path(tmp_path), outbox=Outbox())
        return publisher.publish_day(DAY, run_id="run 7", now=MORNING)

    assert publish(spikes, broken).withheld == "ValueError: no such thing"
    assert read_rows(warehouse, tables.alert_deliveries) == []
    assert publish(spikes).withheld is None
    (row,) = read_rows(warehouse, tables.alert_deliveries)
    assert (row["receiver"], row["topic"], row["spike_date_key"]) == ("dingtalk", "退费", 20250314)
    assert row["payload"]["names"] == {"zh": "退费退款", "en": "Refunds"}
    assert row["payload"]["run_id"] == "run 7"


def test_a_person_sees_which_spike_waits_and_sends_a_dead_one_again(
    home, warehouse, tell, monkeypatch
):
    url = warehouse.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("CALLQA_WAREHOUSE_URL", url)

    def callqa(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["alerts", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    tell(notice(), now=datetime.now(UTC), day=datetime.now(UTC).date().isoformat())
    shown = callqa("pending")
    assert "webhook  pending  spike of 退费 on 20" in shown
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.alert_deliveries).values(status="dead"))
    assert callqa("resend", shown.split()[0]) == "dead letters to be sent again: 1\n"
