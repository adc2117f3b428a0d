"""Draining the outbox into real receivers, by a clock that the test moves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from callqa_assets.alerting.delivery import ReceiverReport, drain, send_sample
from callqa_assets.warehouse import deliveries, delivery_reports, receiver_states, tables
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from tests.support.notices import fired, store_alerts, store_recording
from tests.support.processes import run_process
from tests.support.receiver_files import notifier_of as make_notifier
from tests.support.receivers import HttpReceiver, MailReceiver
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

BUDGET = timedelta(seconds=20)


@pytest.fixture
def store(warehouse, clock):
    """Store alerts of one recording, for receivers; returns their ids."""
    numbers = iter(range(1000))

    def write(count: int, *receivers: str, **facts) -> list[str]:
        recording_id = store_recording(warehouse, number=next(numbers))
        alerts = [fired(recording_id, n, receivers=receivers, **facts) for n in range(count)]
        store_alerts(warehouse, recording_id, alerts, now=clock.now())
        return [alert.alert_id for alert in alerts]

    return write


@pytest.fixture
def rows(warehouse):
    return lambda: read_rows(warehouse, tables.alert_deliveries)


def statuses(rows) -> list[str]:
    return sorted(row["status"] for row in rows())


def test_every_receiver_accepts_its_alert(
    warehouse, start, start_mail, notifier_of, store, rows, clock
):
    kinds = ("webhook", "dingtalk", "wecom", "feishu")
    receivers = [start(HttpReceiver(kind)) for kind in kinds]
    mail = start_mail(MailReceiver())
    store(1, *kinds, "email")
    report = drain(warehouse, notifier_of(*receivers, mail), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"] * 5
    assert all(len(receiver.accepted) == 1 for receiver in receivers)
    assert len(mail.mails) == 1
    expected = ReceiverReport(delivered=1, messages=1, waiting=0, reason=None)
    assert report.receivers == dict.fromkeys([*kinds, "email"], expected)
    assert all(row["delivered_at"] is not None and row["last_error"] is None for row in rows())
    again = drain(warehouse, notifier_of(*receivers, mail), budget=BUDGET, clock=clock)
    assert str(again) == "no alert waits to be delivered"


def test_a_failed_attempt_waits_longer_each_time_and_keeps_its_id(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("webhook", fail=lambda number: (500, {}, {})))
    notifier = notifier_of(receiver, retry={"first_wait_sec": 100, "max_attempts": 4})
    store(1, "webhook")
    waits = []
    for _ in range(3):
        drain(warehouse, notifier, budget=timedelta(seconds=1), clock=clock)
        (row,) = rows()
        waits.append((row["next_attempt_at"] - clock.now()).total_seconds())
        assert (row["status"], row["last_error"]) == ("pending", "HTTP 500")
        clock.time = row["next_attempt_at"]
    for wait, doubled in zip(waits, (100, 200, 400), strict=True):
        assert doubled / 2 <= wait <= doubled
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    (row,) = rows()
    assert (row["status"], row["attempts"]) == ("dead", 4)
    assert len({r.headers["webhook-id"] for r in receiver.received}) == 1
    assert receiver.received[0].headers["webhook-id"] == row["delivery_id"]


def test_a_dead_letter_can_be_sent_again(warehouse, start, notifier_of, store, rows, clock):
    receiver = start(HttpReceiver("webhook", fail=lambda number: (500, {}, {})))
    notifier = notifier_of(receiver, retry={"max_attempts": 1})
    store(2, "webhook")
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert statuses(rows) == ["dead", "dead"]
    clock.advance(3600 * 30)
    receiver.fail = lambda number: None
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert statuses(rows) == ["dead", "dead"]  # not by itself
    with warehouse.write() as connection:
        assert delivery_reports.resend_dead(connection, clock.now()) == 2
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered", "delivered"]


def test_after_days_without_a_daemon_what_waits_is_tried_before_it_is_given_up(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("webhook"))
    store(1, "webhook")
    clock.advance(3 * 24 * 3600)
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"]


def test_what_waits_too_long_for_a_receiver_that_is_not_configured_becomes_a_dead_letter(
    warehouse, notifier_of, store, rows, clock
):
    store(1, "webhook")
    notifier = notifier_of(HttpReceiver("webhook"))
    notifier.environment.clear()
    report = drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert report.receivers["webhook"].waiting == 1
    (row,) = rows()
    assert (row["status"], row["attempts"]) == ("pending", 0)
    assert row["last_error"] == "not configured: set WEBHOOK_URL and WEBHOOK_SECRET"
    clock.advance(24 * 3600)
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    (row,) = rows()
    assert (row["status"], row["attempts"]) == ("dead", 0)
    assert "set WEBHOOK_URL" in row["last_error"]


def test_a_receiver_that_no_file_names_keeps_its_alerts_and_says_so(
    warehouse, notifier_of, store, rows, clock
):
    store(1, "pager")
    report = drain(warehouse, notifier_of(), budget=BUDGET, clock=clock)
    assert "pager: 0 delivered, 1 waiting (no such receiver" in str(report)
    assert statuses(rows) == ["pending"]


def test_an_alert_that_is_withdrawn_before_it_was_sent_notifies_nobody(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("webhook"))
    store(1, "webhook")
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.alerts).values(superseded_at=clock.now()))
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    (row,) = rows()
    assert (row["status"], row["suppressed_because"]) == ("suppressed", "withdrawn")
    assert receiver.received == []


def test_a_robot_that_is_throttled_is_left_alone_for_ten_minutes(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("dingtalk"))
    receiver.fail = lambda number: (200, {"errcode": 130101, "errmsg": "send too fast"}, {})
    store(3, "dingtalk")
    report = drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert len(receiver.received) == 1
    assert report.receivers["dingtalk"].reason == "the receiver asked for a pause"
    receiver.fail = lambda number: None
    clock.advance(560)
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert len(receiver.received) == 1
    clock.advance(40)
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"] * 3


def test_410_disables_the_receiver_until_somebody_enables_it(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("webhook", fail=lambda number: (410, {}, {})))
    store(3, "webhook")
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    clock.advance(3600)
    report = drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert len(receiver.received) == 1
    assert "disabled: HTTP 410" in str(report)
    assert all("callqa alerts enable webhook" in row["last_error"] for row in rows())
    receiver.fail = lambda number: None
    with warehouse.write() as connection:
        assert receiver_states.enable(connection, "webhook")
        assert not receiver_states.enable(connection, "webhook")
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"] * 3


def test_what_waits_too_long_for_a_disabled_receiver_becomes_a_dead_letter(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("webhook", fail=lambda number: (410, {}, {})))
    store(3, "webhook")
    for hours in (0, 23):
        clock.advance(hours * 3600)
        drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
        assert statuses(rows) == ["pending"] * 3
    clock.advance(3600)
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["dead"] * 3
    assert len(receiver.received) == 1


def test_more_than_the_limit_allows_becomes_one_digest_of_all(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("feishu"))
    ids = store(30, "feishu")
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"] * 30
    (received,) = receiver.accepted
    text = received.body["card"]["elements"][0]["content"]
    assert all(f"rule {n}**" in text for n in range(len(ids)))
    (message_id,) = {row["message_id"] for row in rows()}
    assert re.fullmatch("[0-9a-f]{32}", message_id)


def test_a_digest_keeps_within_wecoms_4096_bytes_and_the_rest_follows(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("wecom"))
    store(200, "wecom", rule="退费承诺没有兑现")
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"] * 200
    assert 4 <= len(receiver.accepted) <= 10


def test_high_priority_goes_first(warehouse, start, notifier_of, store, clock):
    receiver = start(HttpReceiver("webhook"))
    for priority in ("low", "high", "medium"):
        store(1, "webhook", priority=priority)
    drain(warehouse, notifier_of(receiver), budget=BUDGET, clock=clock)
    sent = [r.body["data"]["alerts"][0]["priority"] for r in receiver.accepted]
    assert sent == ["high", "medium", "low"]


def test_the_limit_is_waited_for_within_the_budget_and_shared_by_processes(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("wecom"))
    keys = {"wecom": {"limits": [{"messages": 2, "per_sec": 10}], "fold_above": 2}}
    for _ in range(3):  # one at a time, as a quiet day has them
        store(1, "wecom")
        drain(warehouse, notifier_of(receiver, keys=keys), budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"] * 3
    assert sum(clock.slept) == pytest.approx(10.2, abs=0.1)
    other = Warehouse(warehouse.engine.url.render_as_string(hide_password=False))
    for _ in range(2):  # another process finds one token of two
        store(1, "wecom")
        second = timedelta(seconds=1)
        report = drain(other, notifier_of(receiver, keys=keys), budget=second, clock=clock)
    assert statuses(rows) == ["delivered"] * 4 + ["pending"]
    assert report.receivers["wecom"].reason == "the receiver's rate limit"


def test_a_receiver_that_hangs_does_not_hold_up_the_others(
    warehouse, start, notifier_of, store, rows, clock
):
    hanging = start(HttpReceiver("feishu", fail=lambda number: "hang"))
    working = start(HttpReceiver("wecom"))
    store(1, "feishu", "wecom")
    keys = {"feishu": {"timeout_sec": 0.3}}
    drain(warehouse, notifier_of(hanging, working, keys=keys), budget=BUDGET, clock=clock)
    assert {row["receiver"]: row["status"] for row in rows()} == {
        "feishu": "pending",
        "wecom": "delivered",
    }


def test_a_mail_that_one_recipient_lacks_is_repeated_to_that_one_only(
    warehouse, start_mail, notifier_of, store, rows, clock
):
    both = ("a@example.com", "b@example.com")
    mail = start_mail(MailReceiver(refuse=lambda to: "450 later" if to == both[1] else None))
    notifier = notifier_of(mail, recipients=both)
    store(1, "email")
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    (row,) = rows()
    assert (row["status"], row["accepted_by"]) == ("pending", [both[0]])
    mail.refuse = lambda to: None
    clock.advance(60)
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered"]
    assert [to for to, _ in mail.mails] == [[both[0]], [both[1]]]
    assert mail.mails[0][1]["Message-ID"] == mail.mails[1][1]["Message-ID"]


def test_a_refused_digest_is_put_together_again_and_an_uncertain_one_stays(
    warehouse, start, notifier_of, store, rows, clock
):
    receiver = start(HttpReceiver("webhook"))
    keys = {"webhook": {"fold_above": 2}}
    for fault, stays in (((400, {}, {}), False), ((500, {}, {}), True)):
        receiver.fail = lambda number, fault=fault: fault
        store(3, "webhook")
        notifier = notifier_of(receiver, keys=keys, retry={"first_wait_sec": 60})
        drain(warehouse, notifier, budget=timedelta(seconds=1), clock=clock)
        waiting = [row["message_id"] for row in rows() if row["status"] == "pending"]
        assert (None not in waiting) == stays
        receiver.fail = lambda number: None
        store(1, "webhook")
        clock.advance(60)
        drain(warehouse, notifier, budget=BUDGET, clock=clock)
        sizes = [len(r.body["data"]["alerts"]) for r in receiver.accepted]
        assert sorted(sizes) == ([1, 3] if stays else [4])
        receiver.received.clear()
    assert statuses(rows) == ["delivered"] * 8


def test_what_may_have_arrived_is_repeated_unchanged_even_after_a_refusal(
    warehouse, start, notifier_of, store, rows, clock
):
    faults = iter([(500, {}, {}), (400, {}, {})])
    receiver = start(HttpReceiver("webhook", fail=lambda number: next(faults, None)))
    notifier = notifier_of(receiver, keys={"webhook": {"fold_above": 1}})
    store(3, "webhook")
    for _ in range(2):
        drain(warehouse, notifier, budget=timedelta(seconds=1), clock=clock)
        clock.advance(120)
    store(1, "webhook")
    drain(warehouse, notifier, budget=timedelta(seconds=1), clock=clock)
    first, refused, repeat, new = receiver.received
    ids = [r.headers["webhook-id"] for r in receiver.received]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert first.body["data"] == refused.body["data"] == repeat.body["data"]
    assert len(first.body["data"]["alerts"]) == 3
    assert len(new.body["data"]["alerts"]) == 1


def test_a_dead_part_of_a_digest_does_not_come_back_under_the_digests_id(
    warehouse, start, notifier_of, store, rows, clock
):
    """Its receiver may know the id from the other parts, and would drop it as a repeat."""
    receiver = start(HttpReceiver("webhook", fail=lambda number: (500, {}, {})))
    notifier = notifier_of(receiver, keys={"webhook": {"fold_above": 1}})
    dead, _ = store(2, "webhook")
    drain(warehouse, notifier, budget=timedelta(seconds=1), clock=clock)
    digest_id = receiver.received[0].headers["webhook-id"]
    with warehouse.write() as connection:
        table = tables.alert_deliveries
        connection.execute(sa.update(table).where(table.c.alert_id == dead).values(status="dead"))
    receiver.fail = lambda number: None
    clock.advance(60)
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    with warehouse.write() as connection:
        delivery_reports.resend_dead(connection, clock.now(), subject_ids=[dead])
    drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert statuses(rows) == ["delivered", "delivered"]
    rest, resent = receiver.accepted
    assert rest.headers["webhook-id"] == digest_id != resent.headers["webhook-id"]
    assert [alert["alert_id"] for alert in resent.body["data"]["alerts"]] == [dead]


def test_a_sample_is_sent_within_the_limit_and_touches_no_delivery(
    warehouse, start, notifier_of, rows, clock
):
    receiver = start(HttpReceiver("wecom"))
    notifier = notifier_of(receiver, keys={"wecom": {"limits": [{"messages": 1, "per_sec": 9}]}})
    assert send_sample(warehouse, notifier, "wecom", clock=clock).verdict == "accepted"
    outcome = send_sample(warehouse, notifier, "wecom", clock=clock)
    assert (outcome.verdict, outcome.error) == ("refused", "not sent: the receiver's rate limit")
    assert len(receiver.received) == 1
    assert rows() == []


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("message_id", [None, "a" * 32])
def test_alerts_withdrawn_while_a_message_is_put_together_are_not_sent(
    warehouse, start, notifier_of, store, rows, clock, monkeypatch, count, message_id
):
    receiver = start(HttpReceiver("webhook"))
    notifier = notifier_of(receiver, keys={"webhook": {"fold_above": 2}})
    store(count, "webhook")
    read_due = deliveries.read_due

    def read_due_and_withdraw(connection, *args, **kwargs):
        due = read_due(connection, *args, **kwargs)
        connection.execute(sa.update(tables.alerts).values(superseded_at=clock.now()))
        return due

    with warehouse.write() as connection:
        connection.execute(sa.update(tables.alert_deliveries).values(message_id=message_id))
    monkeypatch.setattr(deliveries, "read_due", read_due_and_withdraw)
    for _ in range(2):
        drain(warehouse, notifier, budget=BUDGET, clock=clock)
    assert receiver.received == []
    assert {row["suppressed_because"] for row in rows()} == {"withdrawn"}


def _drain_and_die(url: str, receiver_url: str, after: bool) -> None:
    """Killed at the moment of sending: before the request, or with its answer in hand."""
    import os
    import signal

    from resources.notifier.receivers.webhook import WebhookSender

    send = WebhookSender.send

    def send_and_die(self, message):
        if after:
            send(self, message)
        os.kill(os.getpid(), signal.SIGKILL)

    WebhookSender.send = send_and_die  # type: ignore[method-assign]
    notifier = make_notifier(None, [HttpReceiver("webhook", url=receiver_url)])
    drain(open_warehouse(url), notifier, budget=BUDGET)


@pytest.mark.integration
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_sending_the_next_drain_sends_the_same_again(
    warehouse, start, notifier_of, store, rows, after
):
    receiver = start(HttpReceiver("webhook"))
    keys = {"webhook": {"fold_above": 2}}
    store(3, "webhook")
    url = warehouse.engine.url.render_as_string(hide_password=False)
    assert run_process(_drain_and_die, url, receiver.url, after) == -9
    assert "delivered" not in statuses(rows)
    ids = [r.headers["webhook-id"] for r in receiver.received]
    drain(warehouse, notifier_of(receiver, keys=keys), budget=BUDGET)
    assert statuses(rows) == ["delivered"] * 3
    assert len(ids) == int(after)
    if after:
        assert ids[0] in [r.headers["webhook-id"] for r in receiver.received[1:]]
