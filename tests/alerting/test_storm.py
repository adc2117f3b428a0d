"""A storm of alerts, receivers that fail half the time, and processes killed while they send."""

from __future__ import annotations

import os
import random
import re
import signal
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest

from callqa_assets.alerting import delivery
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import open_warehouse
from resources.notifier.http import Poster
from tests.support.notices import fired, store_alerts, store_recording
from tests.support.processes import run_process, run_processes
from tests.support.receiver_files import notifier_of as make_notifier
from tests.support.receivers import HttpReceiver
from tests.support.snapshot import read_rows

pytestmark = [pytest.mark.integration, pytest.mark.both_engines]

ALERTS = {"sqlite": 500, "postgresql": 120}
"""In full on one engine; the other is asked whether its locks serve the same claims."""
LIMITS = {
    "webhook": [(60, 0.5)],
    "dingtalk": [(10, 0.5)],
    "wecom": [(10, 0.5)],
    "feishu": [(30, 1.5), (10, 0.4)],
}
BAD = {
    "webhook": (500, {}, {}),
    "dingtalk": (200, {"errcode": 310000, "errmsg": "system error"}, {}),
    "wecom": (200, {"errcode": -1, "errmsg": "system busy"}, {}),
    "feishu": (200, {"code": 9999, "msg": "internal error"}, {}),
}
KEYS: dict[str, dict[str, Any]] = {
    kind: {
        "limits": [{"messages": messages, "per_sec": per_sec} for messages, per_sec in limits],
        "timeout_sec": 0.5,
    }
    for kind, limits in LIMITS.items()
}
DIGEST = 16
"""Alerts in a digest: fewer than in earnest, so that there are many messages. The webhook's limit
leaves it room to get every alert alone."""
RETRY = {"first_wait_sec": 0.05, "longest_wait_sec": 0.5, "max_attempts": 40}


def faulty(kind: str):
    """Fails half the time, in every way that leaves the receiver enabled."""

    def fail(number: int):
        rng = random.Random(f"{kind} {number}")  # noqa: S311
        if rng.random() < 0.5:
            return None
        return rng.choice(
            [BAD[kind], BAD[kind], (502, {}, {}), "reset", "lost", "lost"]
            + ["hang"] * (number % 8 == 0)
        )

    return fail


def drain_and_die(url: str, urls: dict[str, str], kill_at: int, after: bool) -> None:
    """Drain until the `kill_at`-th request of this process, and be killed there."""
    post, seen = Poster.post, 0

    def post_and_die(self, *arguments):
        nonlocal seen
        seen += 1
        reached = seen == kill_at
        reply = post(self, *arguments) if after or not reached else None
        if reached:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    Poster.post = post_and_die  # type: ignore[method-assign]
    drain_all(url, urls)


def drain_together(barrier, url: str, urls: dict[str, str]) -> None:
    barrier.wait()
    drain_all(url, urls)


def drain_all(url: str, urls: dict[str, str]) -> None:
    delivery.MAX_DIGEST = DIGEST
    delivery.drain(open_warehouse(url), storm_notifier(urls), budget=timedelta(minutes=10))


def storm_notifier(urls: dict[str, str]):
    receivers = [HttpReceiver(kind, url=url) for kind, url in urls.items()]
    return make_notifier(None, receivers, keys=KEYS, retry=RETRY)


def names_in(kind: str, body: dict[str, Any]) -> set[str]:
    """The alerts in a message, by their rules' names."""
    if kind == "webhook":
        return {alert["rule"] for alert in body["data"]["alerts"]}
    text = {
        "dingtalk": lambda: body["markdown"]["text"],
        "wecom": lambda: body["markdown"]["content"],
        "feishu": lambda: body["card"]["elements"][0]["content"],
    }[kind]()
    return {f"rule {n}" for n in re.findall(r"\brule (\d+)(?:\*\*|\n)", text)}


def test_nothing_is_lost_nothing_is_claimed_and_no_limit_is_exceeded(engine, warehouse, start):
    alerts = ALERTS[engine]
    receivers = [
        start(HttpReceiver(kind, limit=limits[0], fail=faulty(kind)))
        for kind, limits in LIMITS.items()
    ]
    urls = {receiver.kind: receiver.url for receiver in receivers}
    recording_id = store_recording(warehouse)
    store_alerts(
        warehouse,
        recording_id,
        [fired(recording_id, n, receivers=tuple(LIMITS)) for n in range(alerts)],
    )
    url = warehouse.engine.url.render_as_string(hide_password=False)

    kills = [(3, False), (20, True), (40, True), (2, False), (25, True)]
    for kill_at, after in kills:
        assert run_process(drain_and_die, url, urls, kill_at, after) == -9
    assert run_processes(drain_together, url, urls, count=2) == [0, 0]

    rows = read_rows(warehouse, tables.alert_deliveries)
    assert len(rows) == alerts * len(LIMITS)
    assert {row["status"] for row in rows} <= {"delivered", "dead"}
    rule_of = {row["alert_id"]: row["rule"] for row in read_rows(warehouse, tables.alerts)}
    for receiver in receivers:
        took = [(names_in(receiver.kind, r.body), r) for r in receiver.accepted]
        has = set().union(*(names for names, _ in took))
        delivered = {
            rule_of[row["alert_id"]]
            for row in rows
            if row["receiver"] == receiver.kind and row["status"] == "delivered"
        }
        assert delivered <= has, f"{receiver.kind}: counted as delivered, and never accepted"
        assert len(delivered) >= alerts * 0.99
        for messages, per_sec in LIMITS[receiver.kind]:
            assert receiver.busiest(per_sec) <= messages
        if receiver.kind == "webhook":
            ids = defaultdict(set)
            for names, received in took:
                for name in names:
                    ids[name].add(received.headers["webhook-id"])
            sent = sum(len(names) for names, _ in took)
            assert sent > len(has), "no repeat happened: the storm was too mild"
            assert all(len(known) == 1 for known in ids.values()), "a repeat under another id"
