"""Stage `alerts`: which rules fired, with the evidence."""

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.alerts.identity import carry_ids
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.rules.engine.evaluate import FiredAlert, evaluate_calls
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.stored_calls import STAGES, StoredCall, load_stored_calls
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.alerts import AlertRow, read_stored_alerts, upsert_alerts
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.outbox import Outbox

CODE_VERSION = "4"

Fired = Sequence[tuple[FiredAlert, Mapping[str, Any]]]
"""A recording's alerts, each with its evidence."""

INPUTS = StageInputs(
    stage="alerts",
    upstream=STAGES,
    facts=lambda recording: {"metadata": recording.metadata_version},
)


def _build(context: StageContext) -> Stage[None, Fired]:
    """The rule set over the stored segments, transcripts and emotion tracks."""
    rules, calendar = context.read_rules(), context.home.calendar

    def compute(batch: Sequence[tuple[Recording, None]]) -> BatchResult[Fired]:
        recordings = [recording for recording, _ in batch]
        calls = load_stored_calls(context.warehouse, context.lake, calendar, recordings)
        fired = evaluate_calls(rules, [(call.context, call.annotations) for call in calls])
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
        # A batch is loaded in a few reads, when it is computed: a single call would take as many.
        load=lambda recording: None,
        compute=compute,
        write=functools.partial(_write, context.open_outbox()),
        batch_audio_s=50_000,  # some 130 MB beside what was loaded
        batch_recordings=256,
        # Thousands of calls are evaluated per minute, however long they are.
        lease_per_audio_s=0.0,
    )


def _evidence(alert: FiredAlert, recording: Recording, call: StoredCall) -> dict[str, Any]:
    """What the alert rests on: what was found, in which audio, by which models."""
    return {
        **alert.evidence,
        "audio_sha256": recording.content_sha256,
        "model_fingerprints": call.fingerprints,
    }


def _write(
    outbox: Outbox,
    connection: sa.Connection,
    days: Mapping[str, str],
    fired: Mapping[str, Fired],
) -> None:
    """Old alerts that still fire keep their id; those that do not are superseded.

    Deliveries are written in the same transaction: no alert without its deliveries.
    """
    now = datetime.now(UTC)
    stored = read_stored_alerts(connection, list(fired))
    rows: list[AlertRow] = []
    ended: set[str] = set()
    final: dict[str, Fired] = {}
    for recording_id, found in fired.items():
        carried, gone = carry_ids([alert for alert, _ in found], stored[recording_id])
        ended |= gone
        final[recording_id] = [(a, e) for a, (_, e) in zip(carried, found, strict=True)]
        rows += [AlertRow(a, days[recording_id], evidence) for a, evidence in final[recording_id]]
    known = {alert.alert_id for alerts in stored.values() for alert in alerts}
    upsert_alerts(connection, rows, ended, known, now)
    outbox.write(connection, days, final, now)


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="alerts",
    tables=(tables.alerts,),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
    uses_models=False,
)
