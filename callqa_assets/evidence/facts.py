"""The facts of one alert, as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import yaml

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.errors import CallqaError
from callqa_assets.warehouse.call_details import read_calls, read_spans
from callqa_assets.warehouse.recordings import read_known_facts
from callqa_assets.warehouse.tables import alerts, fingerprints, recordings, rule_sets


class EvidenceError(CallqaError):
    """Evidence that cannot be shown or replayed; the message names the cause."""


@dataclass(frozen=True)
class AlertFacts:
    """An alert, its call, and what it was computed from."""

    alert: Mapping[str, Any]
    """Its row."""
    call: Mapping[str, Any]
    """As `read_calls` has it, masked."""
    spans: Sequence[Mapping[str, Any]]
    """The call's emotion timeline."""
    rules_yaml: str
    """The rules file that was in force."""
    rule_yaml: str
    """The rule alone."""
    models: Mapping[str, Mapping[str, Any]]
    """Stage to model, weights and settings, by which it was computed."""
    archive_path: str
    """Relative to the home."""
    source_name: str
    encoding: Encoding | None
    sidecar: Mapping[str, Any]
    """What a sidecar would have to say of the call."""

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Stage to what decided its output."""
        return self.alert["evidence"]["model_fingerprints"]


def read_alert_facts(connection: sa.Connection, alert_id: str) -> AlertFacts:
    """Raises EvidenceError where there is no such alert, or its rules file is not known."""
    alert = connection.execute(sa.select(alerts).where(alerts.c.alert_id == alert_id)).first()
    if alert is None:
        raise EvidenceError(f"there is no alert {alert_id}")
    recording_id = alert.recording_id
    row = connection.execute(
        sa.select(recordings).where(recordings.c.recording_id == recording_id)
    ).one()
    query = sa.select(rule_sets.c.yaml).where(rule_sets.c.rule_hash == alert.rule_hash)
    rules_yaml = connection.execute(query).scalar_one_or_none()
    if rules_yaml is None:
        raise EvidenceError(f"the rules file {alert.rule_hash[:8]} of this alert is not stored")
    used = alert.evidence["model_fingerprints"]
    found = connection.execute(
        sa.select(fingerprints).where(fingerprints.c.fingerprint.in_(used.values()))
    )
    return AlertFacts(
        alert=alert._asdict(),
        call=read_calls(connection, [recording_id], masked=True)[recording_id],
        spans=read_spans(connection, recording_id),
        rules_yaml=rules_yaml,
        rule_yaml=_find_rule(rules_yaml, alert.rule),
        models={model.stage: model._asdict() for model in found},
        archive_path=row.archive_path,
        source_name=row.source_name,
        encoding=Encoding(row.codec, row.codec_rate_hz) if row.codec else None,
        sidecar={
            **read_known_facts(connection, [recording_id])[recording_id],
            "started_at": row.started_at.isoformat(),
        },
    )


def _find_rule(rules_yaml: str, name: str) -> str:
    """The rule as YAML of its own, without the file's defaults; comments are lost."""
    for rule in yaml.safe_load(rules_yaml).get("rules", []):
        if isinstance(rule, dict) and rule.get("name") == name:
            return yaml.safe_dump(rule, allow_unicode=True, sort_keys=False)
    return ""
