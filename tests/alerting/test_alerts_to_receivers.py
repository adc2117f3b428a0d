"""From a call to the receiver: who is notified once, and who never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from callqa_assets.alerting.delivery import drain
from callqa_assets.assets.run_outbox import BACKFILL_TAG
from callqa_assets.checks.deliveries import deliveries_are_recent, receivers_are_healthy
from callqa_assets.cli import app
from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.cli.terminal_report import deliver_with_report
from callqa_assets.definitions import build_defs
from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.jobs import process_calls
from callqa_assets.sensors.alert_deliveries import alert_deliveries_sensor
from callqa_assets.serving.server import deliver
from callqa_assets.stages.planning import range_tags
from callqa_assets.warehouse import tables
from resources.dagster_resources import build_resources
from resources.settings import Settings
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.receivers import SECRETS, HttpReceiver
from tests.support.snapshot import read_rows

BUDGET = timedelta(seconds=20)


def write_recent_call(drop: Path, agent: str = "1001", *, hours_ago: float = 1) -> str:
    """An angry call that ended a while ago; returns its day."""
    started = datetime.now(DEFAULT_CALENDAR.zone) - timedelta(hours=hours_ago)
    day = f"{started:%Y-%m-%d}"
    # Another sound for each: the same one would be a duplicate.
    seed = int(hours_ago * 1000) + int(agent)
    write_call(drop, day, agent, clock=f"{started:%H%M%S}", seed=seed, anger=0.2)
    return day


@dataclass
class LaterModels(FakeModels):
    """Another model, which finds the same anger a window later."""

    @property
    def emotion_identity(self) -> ModelIdentity:
        return ModelIdentity("later-ser", "1" * 64, {})

    def recognize(self, channels):
        recognized = super().recognize(channels)
        for emotion in (emotion for channel in recognized for emotion in channel):
            emotion.windows[0] = [0, 0, 0, 0, 1, 0, 0, 0, 0]
        return recognized


@pytest.fixture
def deliveries(warehouse):
    return lambda: read_rows(warehouse, tables.alert_deliveries)


@pytest.fixture
def direct(home, warehouse, rules):
    rules.write_text(RULES.format(threshold=0.5) + "    channels: [webhook]\n")
    return DirectRun(home, warehouse, rules)


@pytest.fixture
def webhook(start, monkeypatch, home) -> HttpReceiver:
    """A receiver to which the shipped channels file leads, by the environment."""
    receiver = start(HttpReceiver("webhook"))
    monkeypatch.setenv("CALLQA_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("CALLQA_WEBHOOK_SECRET", SECRETS["webhook"])
    return receiver


def test_an_angry_call_notifies_once_with_its_evidence(
    home, warehouse, direct, start, notifier_of, deliveries
):
    receiver = start(HttpReceiver("webhook"))
    write_recent_call(home.drop)
    direct.run(FakeModels(), run_id="the-run")
    for _ in range(2):
        drain(warehouse, notifier_of(receiver), budget=BUDGET)
        direct.run(FakeModels(), force=True, run_id="again")
    (received,) = receiver.accepted
    (alert,) = received.body["data"]["alerts"]
    assert (alert["rule"], alert["role"], alert["run_id"]) == ("anger", "customer", "the-run")
    assert alert["said"][0]["text"].startswith("响度")
    assert alert["timeline"][0]["emotion"] == "angry"
    assert alert["audio_path"].startswith("archive/")
    assert "13800138000" not in str(received.body)
    assert [row["status"] for row in deliveries()] == ["delivered"]


def test_another_model_that_moves_the_alert_by_a_hop_notifies_nobody_again(
    home, warehouse, direct, start, notifier_of, deliveries
):
    receiver = start(HttpReceiver("webhook"))
    write_recent_call(home.drop)
    direct.run(FakeModels())
    (before,) = read_rows(warehouse, tables.alerts)
    drain(warehouse, notifier_of(receiver), budget=BUDGET)
    direct.run(LaterModels())
    (after,) = read_rows(warehouse, tables.alerts)
    assert after["started_s"] != before["started_s"]
    assert after["alert_id"] == before["alert_id"]
    drain(warehouse, notifier_of(receiver), budget=BUDGET)
    assert len(receiver.received) == 1
    assert [row["status"] for row in deliveries()] == ["delivered"]


@pytest.mark.integration
def test_sixty_old_days_under_a_changed_rule_notify_nobody(
    home, warehouse, direct, rules, start, notifier_of, deliveries
):
    receiver = start(HttpReceiver("webhook"))
    for ago in range(3, 63):
        write_recent_call(home.drop, hours_ago=24 * ago)
    rules.write_text(RULES.format(threshold=0.99))
    direct.run(FakeModels())
    assert read_rows(warehouse, tables.alerts) == []
    rules.write_text(RULES.format(threshold=0.5) + "    channels: [webhook]\n")
    write_recent_call(home.drop, "1002")
    direct.run(FakeModels())
    assert len(read_rows(warehouse, tables.alerts)) == 61
    drain(warehouse, notifier_of(receiver), budget=BUDGET)
    assert sorted(row["suppressed_because"] or row["status"] for row in deliveries()) == [
        "delivered",
        *["old"] * 60,
    ]
    (received,) = receiver.received
    assert [alert["agent_id"] for alert in received.body["data"]["alerts"]] == ["1002"]


def run_job(day: str, **tags: str) -> dg.ExecuteInProcessResult:
    overrides = {"speech_models": dg.ResourceDefinition.hardcoded_resource(FakeModels())}
    job = build_defs(Settings.from_environment(), resource_overrides=overrides).resolve_job_def(
        process_calls.name
    )
    with dg.DagsterInstance.get() as instance:
        return job.execute_in_process(
            instance=instance,
            tags={**range_tags(day, day), **tags},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


@pytest.mark.integration
@pytest.mark.parametrize("backfill", [True, False])
def test_a_backfill_of_today_notifies_nobody_and_an_ordinary_run_does(
    dagster_home, direct, rules, monkeypatch, deliveries, backfill
):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    day = write_recent_call(dagster_home.drop)
    direct.scan()
    assert run_job(day, **({BACKFILL_TAG: "abc"} if backfill else {})).success
    (row,) = deliveries()
    assert row["suppressed_because"] == ("backfill" if backfill else None)


@pytest.mark.integration
def test_a_bad_channels_file_costs_no_alert_and_fails_the_checks(
    dagster_home, direct, rules, monkeypatch, deliveries, tmp_path
):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    bad = tmp_path / "channels.yaml"
    bad.write_text("channels: [")
    monkeypatch.setenv("CALLQA_CHANNELS", str(bad))
    day = write_recent_call(dagster_home.drop)
    direct.scan()
    result = run_job(day)
    assert result.success
    assert [row["status"] for row in deliveries()] == ["pending"]
    for name in ("receivers_are_healthy", "deliveries_are_recent"):
        (evaluation,) = [e for e in result.get_asset_check_evaluations() if e.check_name == name]
        assert not evaluation.passed
        assert "channels.yaml, line 1" in evaluation.metadata["channels file"].value


@pytest.mark.integration
def test_the_sensor_delivers_what_a_run_found_and_requests_no_run(
    dagster_home, rules, monkeypatch, direct, webhook, deliveries
):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    write_recent_call(dagster_home.drop)
    process_drop_folder(
        Settings.from_environment(),
        lambda *_: None,
        copy=False,
        resource_overrides={
            "speech_models": dg.ResourceDefinition.hardcoded_resource(FakeModels())
        },
        log_level="CRITICAL",
    )
    assert [row["status"] for row in deliveries()] == ["pending"]
    resources = build_resources(Settings.from_environment())
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={k: resources[k] for k in ("warehouse", "notifier")}
        )
        skipped = alert_deliveries_sensor(context)
        assert skipped.skip_message == "webhook: 1 delivered, 0 waiting"
        assert alert_deliveries_sensor(context).skip_message == "no alert waits to be delivered"
    assert len(webhook.accepted) == 1
    assert alert_deliveries_sensor.default_status is dg.DefaultSensorStatus.RUNNING


def check(definition) -> tuple[bool, dict[str, str]]:
    resources = build_resources(Settings.from_environment())
    result = definition(warehouse=resources["warehouse"], notifier=resources["notifier"])
    return result.passed, {k: v.value for k, v in result.metadata.items()}


def test_checks_are_quiet_until_an_alert_waits_for_a_receiver_that_is_not_configured(
    home, warehouse, direct, monkeypatch
):
    monkeypatch.delenv("CALLQA_WEBHOOK_URL", raising=False)
    assert check(receivers_are_healthy) == check(deliveries_are_recent) == (True, {})
    write_recent_call(home.drop)
    direct.run(FakeModels())
    passed, findings = check(receivers_are_healthy)
    assert not passed
    assert findings["webhook"].startswith("not configured: set CALLQA_WEBHOOK_URL")
    assert check(deliveries_are_recent)[0]
    with warehouse.write() as connection:
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        connection.execute(tables.alert_deliveries.update().values(waiting_since=an_hour_ago))
    passed, findings = check(deliveries_are_recent)
    assert not passed
    assert findings["webhook"].startswith("1 wait, since ")


def test_checks_report_dead_letters_and_disabled_receivers(home, warehouse, direct, webhook):
    for status, word in ((410, "disabled: HTTP 410"), (400, "1 dead letters")):
        webhook.fail = lambda number, status=status: (status, {}, {})
        write_recent_call(home.drop, agent=str(status))
        direct.run(FakeModels())
        drain(
            warehouse,
            build_resources(Settings.from_environment())["notifier"].open(),
            budget=BUDGET,
        )
        with warehouse.write() as connection:
            if status == 400:
                connection.execute(tables.alert_deliveries.update().values(status="dead"))
        passed, findings = check(receivers_are_healthy)
        assert not passed
        assert word in findings["webhook"].replace("2 dead", "1 dead")


def test_callqa_run_says_what_it_delivered_and_is_quiet_where_there_is_nothing(
    home, warehouse, direct, webhook, monkeypatch, tmp_path
):
    def deliver() -> str:
        console = Console(record=True, width=200)
        deliver_with_report(console, Settings.from_environment())
        return console.export_text()

    assert deliver() == ""
    write_recent_call(home.drop)
    direct.run(FakeModels())
    with monkeypatch.context() as bad:
        bad.setenv("CALLQA_CHANNELS", str(tmp_path / "nothing.yaml"))
        assert deliver().startswith("alerts wait: ")
    assert deliver() == "alerts: webhook: 1 delivered, 0 waiting\n"
    assert deliver() == ""


def test_the_server_delivers_without_waiting_for_dagster(home, direct, webhook, monkeypatch):
    write_recent_call(home.drop)
    direct.run(FakeModels())
    with monkeypatch.context() as bad:
        bad.setenv("CALLQA_CHANNELS", str(home.root / "nothing.yaml"))
        deliver(Settings.from_environment())
    assert webhook.accepted == []
    deliver(Settings.from_environment())
    assert len(webhook.accepted) == 1


def callqa(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["alerts", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_a_person_sees_what_waits_and_died_and_sends_it_again(home, direct, webhook, monkeypatch):
    assert callqa("pending") == "none\n"
    write_recent_call(home.drop)
    direct.run(FakeModels())
    shown = callqa("pending")
    assert "webhook  pending  anger  high" in shown
    assert "not tried yet" in shown
    short = shown.split()[0]

    channels = home.root / "channels.yaml"
    shipped = yaml.safe_load(Path("configs/channels.yaml").read_text("utf-8"))
    shipped["retry"] = {"max_attempts": 1}
    channels.write_text(yaml.safe_dump(shipped))
    monkeypatch.setenv("CALLQA_CHANNELS", str(channels))
    webhook.fail = lambda number: (500, {}, {})
    assert callqa("drain") == "webhook: 0 delivered, 0 waiting\n"
    assert "HTTP 500" in callqa("dead", "--receiver", "webhook")
    assert callqa("dead", "--receiver", "email") == "none\n"

    webhook.fail = lambda number: None
    callqa("resend", code=2)
    assert callqa("resend", short) == "dead letters to be sent again: 1\n"
    assert callqa("drain") == "webhook: 1 delivered, 0 waiting\n"
    table = " ".join(callqa("receivers").split())
    assert "webhook 0 1 0 ready" in table
    assert "dingtalk 0 0 0 not configured: set CALLQA_DINGTALK_URL" in table


def test_a_person_tries_a_receiver_and_enables_it(home, webhook):
    assert callqa("test", "webhook") == "webhook: accepted\n"
    webhook.fail = lambda number: (410, {}, {})
    assert callqa("test", "webhook", code=1) == "webhook: gone (HTTP 410)\n"
    assert callqa("enable", "webhook") == "webhook is enabled\n"
    assert callqa("enable", "webhook") == "webhook was not disabled\n"
