"""An alert computed again from the archive, in a home of its own that is thrown away."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.evidence.facts import AlertFacts, EvidenceError
from callqa_assets.pipeline import Pipeline
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.tables import alerts, stage_runs
from resources.settings import Settings
from resources.speech_models.loader import SpeechModels
from resources.storage.hashing import hash_content
from resources.storage.home import Home

STAGES = ("segments", "transcripts", "emotions", "alerts")
TOLERANCE_S, TOLERANCE_PEAK = 0.001, 0.001
"""Batches of other sizes sum in another order."""


@dataclass(frozen=True)
class Replay:
    """What became of the alert."""

    is_same_sound: bool
    """The archived file is, byte for byte, the one that was heard."""
    changed: Mapping[str, str]
    """Stages whose model, weights, settings or code are others now, with the fingerprint of now."""
    fired: Mapping[str, Any] | None
    """The alert of the same rule and channel that overlaps it, or None."""
    is_same: bool
    """It fired at the same time with the same peak."""


def replay(
    settings: Settings,
    facts: AlertFacts,
    *,
    open_models: Callable[[], SpeechModels] | None = None,
) -> Replay:
    """Take the archived file through every stage again, under the rules of then.

    Args:
        open_models: In place of the settings' models.
    """
    archived = settings.home.root / facts.archive_path
    if not archived.is_file():
        raise EvidenceError(f"{archived} is not there: restore it from a backup")
    with tempfile.TemporaryDirectory(prefix="callqa-replay-") as folder:
        home = Home(Path(folder) / "home", settings.home.calendar)
        home.create_folders()
        own = replace(
            settings,
            home=home,
            drop=home.drop,
            warehouse_url=home.database_url,
            named_rules=home.root / "rules.yaml",
        )
        (home.root / "rules.yaml").write_text(facts.rules_yaml, "utf-8")
        _deliver(home.drop, facts, archived)
        warehouse = Warehouse(own.warehouse_url)
        warehouse.migrate()
        warehouse.engine.dispose()
        pipeline = Pipeline.open(own)
        if open_models is not None:
            pipeline = replace(pipeline, context=replace(pipeline.context, open_models=open_models))
        pipeline.scan()
        for day in pipeline.days():
            pipeline.ingest(day, run_id="replay", copy=True)
            pipeline.run_stages([day], run_id="replay", names=STAGES)
        with pipeline.context.warehouse.read() as connection:
            used = {
                row.stage: row.fingerprint
                for row in connection.execute(
                    sa.select(stage_runs.c.stage, stage_runs.c.fingerprint)
                )
            }
            found = [row._asdict() for row in connection.execute(sa.select(alerts))]
        pipeline.context.warehouse.engine.dispose()
    changed = {
        stage: used[stage]
        for stage, fingerprint in facts.fingerprints.items()
        if stage in used and used[stage] != fingerprint
    }
    fired = _find_same(facts.alert, found)
    content_sha256 = facts.alert["evidence"]["audio_sha256"]
    return Replay(
        hash_content(archived) == content_sha256,
        changed,
        fired,
        fired is not None and _is_equal(facts.alert, fired),
    )


def _deliver(drop: Path, facts: AlertFacts, archived: Path) -> None:
    """The file under the name that it came with, and its sidecar."""
    target = drop / facts.source_name
    if not target.resolve().is_relative_to(drop.resolve()):
        target = drop / archived.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(archived, target)
    target.with_name(f"{target.name}.json").write_text(
        json.dumps(facts.sidecar, ensure_ascii=False), "utf-8"
    )


def _find_same(alert: Mapping[str, Any], found: list[dict[str, Any]]) -> Mapping[str, Any] | None:
    overlapping = [
        other
        for other in found
        if (other["rule"], other["channel"]) == (alert["rule"], alert["channel"])
        and other["started_s"] <= alert["ended_s"]
        and other["ended_s"] >= alert["started_s"]
    ]
    return min(overlapping, key=lambda o: abs(o["started_s"] - alert["started_s"]), default=None)


def _is_equal(alert: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    times = ("started_s", "ended_s", "fired_at_s")
    return all(abs(alert[t] - other[t]) <= TOLERANCE_S for t in times) and (
        abs(alert["peak"] - other["peak"]) <= TOLERANCE_PEAK
    )
