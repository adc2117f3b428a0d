"""The stages without Dagster: the same functions the assets call, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callqa_assets.ingestion.archiving import IngestReport, ingest_day
from callqa_assets.ingestion.discovery import ScanResult, scan
from callqa_assets.stages.alerts import alerts_stage
from callqa_assets.stages.contract import Stage, StageReport, run_stage
from callqa_assets.stages.emotions import emotions_stage
from callqa_assets.stages.segments import segments_stage
from callqa_assets.stages.transcripts import transcripts_stage
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.files import read_days_of_drop
from callqa_assets.warehouse.rule_sets import accept_rules
from resources.storage.archive import RecordingArchive
from resources.storage.config_files import read_metadata_config, read_rules_file
from resources.storage.drop_folder import DropFolder
from resources.storage.home import REPO, Home
from resources.storage.lake import EmotionLake


@dataclass
class DirectHearing:
    """A home heard without Dagster."""

    home: Home
    warehouse: Warehouse
    rules: Path

    def scan_once(
        self, *, settle: timedelta = timedelta(0), now: datetime | None = None
    ) -> ScanResult:
        """One look at the drop folder; by default every file counts as complete."""
        config = read_metadata_config(REPO / "configs" / "call_metadata.yaml")
        drop = DropFolder(self.home.drop)
        return scan(
            self.warehouse,
            drop,
            config,
            self.home.calendar,
            now=now or datetime.now(UTC),
            settle=settle,
        )

    def scan(self) -> list[str]:
        """ScanResult, every file counting as complete; returns the drop folder's days."""
        self.scan_once()
        with self.warehouse.read() as connection:
            return read_days_of_drop(connection, DropFolder(self.home.drop).root)

    def ingest(self, day: str, *, copy: bool = False) -> IngestReport:
        return ingest_day(
            self.warehouse, self.home, day, run_id="run", copy=copy, progress=lambda *_: None
        )

    def take_in(self) -> list[str]:
        """ScanResult, and take in every day there is; returns what was wrong."""
        return [problem for day in self.scan() for problem in self.ingest(day).problems]

    def stages(self, models: Any, batch_recordings: int = 32) -> Sequence[Stage]:
        archive, lake = RecordingArchive(self.home), EmotionLake(self.home)
        rules = accept_rules(self.warehouse, read_rules_file(self.rules)).rules
        stages = (
            segments_stage(archive, models),
            transcripts_stage(self.warehouse, archive, models),
            emotions_stage(self.warehouse, archive, lake, models),
            alerts_stage(self.warehouse, lake, rules),
        )
        return [replace(stage, batch_recordings=batch_recordings) for stage in stages]

    def hear(
        self,
        models: Any,
        *,
        copy: bool = False,
        force: bool = False,
        run_id: str = "run",
        batch_recordings: int = 32,
    ) -> dict[tuple[str, str], StageReport]:
        """Everything, day by day; the report of each (stage, day)."""
        days = self.scan()
        for day in days:
            self.ingest(day, copy=copy)
        return {
            (stage.name, day): run_stage(self.warehouse, stage, day, run_id=run_id, force=force)
            for stage in self.stages(models, batch_recordings)
            for day in days
        }
