"""Asset `alerts`: which rules fired, with the evidence. The rules' meaning is `domain.alerting`."""

import base64
import functools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa

from callqa_assets.assets.plots import alert_volume_plot
from callqa_assets.assets.recordings import finish_day
from callqa_assets.assets.stage_asset import (
    StageConfig,
    daily_asset,
    materialize_stage,
)
from callqa_assets.domain.alerts.identity import carry_ids
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.rules.engine.evaluate import FiredAlert, evaluate_calls
from callqa_assets.domain.rules.rule_set import RuleSet
from callqa_assets.stages.contract import BatchResult, Progress, Stage
from callqa_assets.stages.stored_calls import STAGES, HeardCall, load_heard_calls
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.alert_volume import read_volume_by_priority, trailing_days
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.outbox import Outbox
from callqa_assets.warehouse.results import (
    count_alerts,
    read_stored_alerts,
    upsert_alerts,
)
from callqa_assets.warehouse.rule_sets import accept_rules
from resources.dagster_resources import (
    HomeResource,
    NotifierResource,
    RulesResource,
    WarehouseResource,
)
from resources.notifier.receiver_config import ChannelsError
from resources.storage.lake import EmotionLake

CODE_VERSION = "2"
BACKFILL_TAG = "dagster/backfill"
"""Run tag of Dagster's, on every run of a backfill."""

INPUTS = StageInputs(
    stage="alerts",
    upstream=STAGES,
    facts=lambda recording: {"metadata": recording.metadata_version},
)


def alerts_stage(
    warehouse: Warehouse,
    lake: EmotionLake,
    rules: RuleSet,
    outbox: Outbox = Outbox(),  # noqa: B008 - immutable
) -> Stage:
    """The rule set over the stored segments, transcripts and emotion tracks."""

    def compute(batch: Sequence[tuple[Recording, None]]) -> BatchResult:
        recordings = [recording for recording, _ in batch]
        calls = load_heard_calls(warehouse, lake, recordings)
        fired = evaluate_calls(rules, [(call.context, call.heard) for call in calls])
        return BatchResult(
            {
                recording.recording_id: [(a, _evidence(a, recording, call)) for a in alerts]
                for recording, call, alerts in zip(recordings, calls, fired, strict=True)
            }
        )

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint(INPUTS.stage, CODE_VERSION, {"rules": rules.rule_hash}),
        prepare=lambda: None,
        # A batch is loaded in a few reads, when it is computed: a call alone would cost as many.
        load=lambda recording: None,
        compute=compute,
        write=functools.partial(_write, outbox),
        batch_audio_s=50_000,  # some 130 MB beside what was loaded
        batch_recordings=256,
        # Thousands of calls are judged in a minute, however long they are.
        lease_per_audio_s=0.0,
    )


def _evidence(alert: FiredAlert, recording: Recording, call: HeardCall) -> dict[str, Any]:
    """What shows that the alert is right: what was found, in which sound, by which models."""
    return {
        **alert.evidence,
        "audio_sha256": recording.content_sha256,
        "model_fingerprints": call.fingerprints,
    }


def _write(
    outbox: Outbox,
    connection: sa.Connection,
    days: Mapping[str, str],
    fired: Mapping[str, Sequence[tuple[FiredAlert, Mapping[str, Any]]]],
) -> None:
    """Old alerts that still fire keep their id; those that do not are superseded.

    Who is to be told is decided in the same transaction: no alert without its deliveries.
    """
    now = datetime.now(UTC)
    stored = read_stored_alerts(connection, list(fired))
    rows: list[dict[str, Any]] = []
    ended: set[str] = set()
    told: dict[str, list[tuple[FiredAlert, Mapping[str, Any]]]] = {}
    for recording_id, found in fired.items():
        carried, gone = carry_ids([alert for alert, _ in found], stored[recording_id])
        ended |= gone
        told[recording_id] = [(a, e) for a, (_, e) in zip(carried, found, strict=True)]
        rows += [
            {
                **{name: getattr(alert, name) for name in _COLUMNS},
                "day": days[recording_id],
                "evidence": evidence,
            }
            for alert, evidence in told[recording_id]
        ]
    known = {alert.alert_id for alerts in stored.values() for alert in alerts}
    upsert_alerts(connection, rows, ended, known, now)
    outbox.write(connection, days, told, now)


_COLUMNS = [
    field.name
    for field in fields(FiredAlert)
    if field.name in tables.alerts.c and field.name != "evidence"
]


@daily_asset(
    tables=["alerts"],
    group="alerts",
    kinds={"python", "sql"},
    code_version=CODE_VERSION,
    deps=["vad_segments", "transcripts", "emotion_scores"],
)
def alerts(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: WarehouseResource,
    rules: RulesResource,
    notifier: NotifierResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """Rules that fired on the day's calls: what, when, how strongly, and the evidence."""
    opened = warehouse.open()
    in_force = accept_rules(opened, Path(rules.path))
    if in_force.problem:
        context.log.error("%s; the last accepted rules stay in force", in_force.problem)

    def describe(connection: sa.Connection, day: str) -> dict[str, Any]:
        days = trailing_days(day)
        plot = alert_volume_plot(
            read_volume_by_priority(connection, days), [date.fromisoformat(d) for d in days]
        )
        return {
            "alerts_in_force": count_alerts(connection, day),
            "alert_volume": dg.MetadataValue.md(
                f"![alerts to {day}](data:image/png;base64,{base64.b64encode(plot).decode()})"
            ),
            "rule_set": in_force.rules.rule_hash[:12],
        }

    materialize_stage(
        context,
        opened,
        alerts_stage(
            opened, EmotionLake(home.open()), in_force.rules, _open_outbox(context, notifier)
        ),
        tables.alerts,
        force=config.force,
        progress=progress,
        describe=describe,
    )
    finish_day(context, opened)


def _open_outbox(context: dg.AssetExecutionContext, notifier: NotifierResource) -> Outbox:
    """A bad channels file must not cost a day its alerts: they wait until it is mended."""
    is_backfill = BACKFILL_TAG in context.run.tags
    try:
        return Outbox(notifier.open().settings.deliver_max_age, is_backfill)
    except ChannelsError as error:
        context.log.error("%s; alerts are stored, and wait to be delivered", error)
        return Outbox(is_backfill=is_backfill)
