"""Deliveries are stored with their alerts, in one transaction, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from callqa_assets.warehouse import tables
from callqa_assets.warehouse.outbox import Outbox
from tests.support.notices import fired, store_alerts, store_recording
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

NOW = datetime.now(UTC)


def outbox_of(warehouse) -> dict[tuple[str, str], dict]:
    rows = read_rows(warehouse, tables.alert_deliveries)
    return {(row["alert_id"], row["receiver"]): row for row in rows}


def test_a_live_alert_waits_for_each_receiver_of_its_rule(warehouse):
    recording_id = store_recording(warehouse)
    alert = fired(recording_id, receivers=("hook", "mail", "hook"))
    store_alerts(warehouse, recording_id, [alert])
    rows = outbox_of(warehouse)
    assert set(rows) == {(alert.alert_id, "hook"), (alert.alert_id, "mail")}
    assert {row["status"] for row in rows.values()} == {"pending"}
    assert len({row["delivery_id"] for row in rows.values()}) == 2
    payload = rows[alert.alert_id, "hook"]["payload"]
    assert (payload["rule"], payload["agent_id"]) == ("rule 0", "1001")
    assert payload["audio_path"].startswith("archive/")


@pytest.mark.parametrize(
    "facts", [{"mode": "shadow"}, {"inhibited_by": "another"}, {"receivers": ()}]
)
def test_shadow_inhibited_and_silent_alerts_wait_for_nobody(warehouse, facts):
    recording_id = store_recording(warehouse)
    store_alerts(warehouse, recording_id, [fired(recording_id, **facts)])
    assert outbox_of(warehouse) == {}


@pytest.mark.parametrize(
    ("outbox", "ended_ago", "because"),
    [
        (Outbox(), timedelta(hours=48), None),
        (Outbox(), timedelta(hours=48, milliseconds=1), "old"),
        (Outbox(timedelta(hours=1)), timedelta(hours=2), "old"),
        (Outbox(is_backfill=True), timedelta(0), "backfill"),
    ],
)
def test_nobody_is_notified_of_old_calls_or_by_backfills(warehouse, outbox, ended_ago, because):
    recording_id = store_recording(warehouse, ended_at=NOW - ended_ago)
    store_alerts(warehouse, recording_id, [fired(recording_id)], outbox=outbox, now=NOW)
    (row,) = read_rows(warehouse, tables.alert_deliveries)
    assert row["suppressed_because"] == because
    assert row["status"] == ("pending" if because is None else "suppressed")
    assert (row["payload"] is None) == (because is not None)
    assert row["next_attempt_at"] == (NOW if because is None else None)
    assert (row["waiting_since"], row["created_at"]) == (NOW, NOW)
    assert (row["day"], row["recording_id"]) == (f"{NOW:%Y-%m-%d}", recording_id)


@pytest.mark.parametrize("status", ["pending", "sending", "delivered", "dead", "suppressed"])
def test_a_delivery_that_exists_is_never_made_again(warehouse, status):
    recording_id = store_recording(warehouse)
    alert = fired(recording_id)
    store_alerts(warehouse, recording_id, [alert])
    because = "old" if status == "suppressed" else None
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.alert_deliveries).values(status=status, suppressed_because=because)
        )
    before = read_rows(warehouse, tables.alert_deliveries)
    store_alerts(warehouse, recording_id, [replace(alert, started_s=1.25, ended_s=3.25)])
    (after,) = read_rows(warehouse, tables.alert_deliveries)
    assert (after["status"], after["created_at"]) == (status, before[0]["created_at"])
    moved = after["payload"]["started_s"] == 1.25
    assert moved == (status == "pending")  # what still waits describes the alert as it is


@pytest.mark.parametrize("status", ["pending", "suppressed"])
@pytest.mark.parametrize("again", [0, 1])
def test_only_the_deliveries_of_the_calls_judged_again_are_touched(warehouse, status, again):
    ids = [store_recording(warehouse, number=n) for n in range(2)]
    for of in ids:
        store_alerts(warehouse, of, [fired(of)])
    if status == "suppressed":
        with warehouse.write() as connection:
            connection.execute(
                sa.update(tables.alert_deliveries).values(
                    status="suppressed", suppressed_because="withdrawn"
                )
            )
    moved = replace(fired(ids[again]), started_s=1.25, ended_s=3.25)
    store_alerts(warehouse, ids[again], [moved])
    rows = {row["recording_id"]: row for row in outbox_of(warehouse).values()}
    assert [rows[of]["payload"]["started_s"] for of in ids] == [
        1.25 if n == again else 1.0 for n in range(2)
    ]
    assert [rows[of]["status"] for of in ids] == [
        "pending" if n == again else status for n in range(2)
    ]


@pytest.mark.parametrize("left", [(), ("mail",)])
def test_a_receiver_that_the_rule_no_longer_names_is_not_notified(warehouse, left):
    recording_id = store_recording(warehouse)
    alert = fired(recording_id, receivers=("hook", "mail"))
    states = []
    for receivers in (("hook", "mail"), left, ("hook", "mail")):
        store_alerts(warehouse, recording_id, [replace(alert, notify_channels=receivers)])
        rows = outbox_of(warehouse)
        states.append([rows[alert.alert_id, name]["status"] for name in ("hook", "mail")])
    mail = "pending" if left else "suppressed"
    assert states == [["pending"] * 2, ["suppressed", mail], ["pending"] * 2]


def test_a_message_that_may_have_arrived_stays_as_it_was(warehouse):
    recording_id = store_recording(warehouse)
    alert = fired(recording_id)
    store_alerts(warehouse, recording_id, [alert])
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.alert_deliveries).values(message_id="a" * 32))
    store_alerts(warehouse, recording_id, [replace(alert, started_s=1.25, ended_s=3.25)])
    (row,) = read_rows(warehouse, tables.alert_deliveries)
    assert row["payload"]["started_s"] == 1.0


def test_an_alert_that_is_in_force_again_notifies_if_it_never_did(warehouse):
    recording_id = store_recording(warehouse)
    alert = fired(recording_id)
    store_alerts(warehouse, recording_id, [alert])
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.alert_deliveries).values(
                status="suppressed", suppressed_because="withdrawn"
            )
        )
    store_alerts(warehouse, recording_id, [alert])
    (row,) = read_rows(warehouse, tables.alert_deliveries)
    assert (row["status"], row["suppressed_because"]) == ("pending", None)


def test_a_notice_tells_the_emotions_around_its_alert_on_its_channel_and_the_run(warehouse):
    ids = [
        store_recording(warehouse, number=n, channels=2, channel_roles=["customer", "agent"])
        for n in range(2)
    ]
    spans = [
        {
            "recording_id": of,
            "channel": channel,
            "span_no": n,
            "role": "customer",
            "day": "2025-03-14",
        }
        | {"start_s": start_s, "end_s": start_s + 1.0, "emotion": "angry", "confidence": 0.9}
        for of in ids
        for channel in (0, 1)
        for n, start_s in enumerate((2.5 + channel, 1.5 + channel))
    ]
    runs = [
        {"recording_id": ids[0], "stage": stage, "run_id": stage, "status": "ok", "attempts": 1}
        | {"fingerprint": "0" * 64, "day": "2025-03-14"}
        for stage in ("segments", "alerts")
    ]
    with warehouse.write() as connection:
        connection.execute(sa.insert(tables.emotion_spans), spans)
        connection.execute(sa.insert(tables.stage_runs), runs)
    for of in ids:
        store_alerts(warehouse, of, [fired(of)])
    first, second = (
        next(row["payload"] for row in outbox_of(warehouse).values() if row["recording_id"] == of)
        for of in ids
    )
    assert [span["start_s"] for span in first["timeline"]] == [1.5, 2.5]
    assert first["timeline"][0] == {
        "start_s": 1.5,
        "end_s": 2.5,
        "emotion": "angry",
        "confidence": 0.9,
    }
    assert (first["run_id"], second["run_id"]) == ("alerts", None)


def test_a_transaction_that_fails_leaves_neither_alert_nor_delivery(warehouse):
    recording_id = store_recording(warehouse)
    broken = fired(recording_id, 1, evidence={"said": [{"channel": 7, "text": ""}]})
    with pytest.raises(IndexError):
        store_alerts(warehouse, recording_id, [fired(recording_id), broken])
    assert read_rows(warehouse, tables.alerts) == []
    assert outbox_of(warehouse) == {}


def test_the_copy_holds_no_number_of_a_person(warehouse):
    recording_id = store_recording(
        warehouse, agent_id="13800138000", call_id="R13900139000", customer_id="13700137000"
    )
    said = [
        {
            "channel": 0,
            "start_s": 1.0,
            "end_s": 2.0,
            "text": "打一三八零零一三八零零零或13600136000",
        }
    ]
    dictated = ["幺三九。", "零零二四，", "八零零一"]
    said += [{"channel": 0, "start_s": 2.0, "end_s": 3.0, "text": text} for text in dictated]
    store_alerts(warehouse, recording_id, [fired(recording_id, evidence={"said": said})])
    (row,) = read_rows(warehouse, tables.alert_deliveries)
    assert [piece["text"] for piece in row["payload"]["said"]][2:] == ["****", "****八零零一"]
    payload = str(row["payload"])
    for number in ("13800138000", "13900139000", "13700137000", "13600136000", "零零一三八零零零"):
        assert number not in payload
    assert "138****8000" in payload


def test_a_batch_may_withdraw_the_alerts_of_one_call_and_store_those_of_another(warehouse):
    first, second = (store_recording(warehouse, number=n) for n in range(2))
    store_alerts(warehouse, first, [fired(first)])
    alert = fired(second)
    with warehouse.write() as connection:
        row = {k: v for k, v in vars(alert).items() if k in tables.alerts.c}
        connection.execute(sa.insert(tables.alerts).values(**row, day="2025-03-14", created_at=NOW))
        days = dict.fromkeys((first, second), "2025-03-14")
        batch = {first: [], second: [(alert, alert.evidence)]}
        Outbox().write(connection, days, batch, NOW)
    statuses = {row["recording_id"]: row["status"] for row in outbox_of(warehouse).values()}
    assert statuses == {first: "suppressed", second: "pending"}
