"""A home processed without Dagster, by fake models: `Pipeline`, with a test's rules and options."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.ingestion.archiving import IngestReport
from callqa_assets.ingestion.discovery import ScanResult
from callqa_assets.pipeline import Pipeline
from callqa_assets.stages.contract import Stage, StageReport, run_stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.stages.registry import STAGES
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.outbox import Outbox
from callqa_assets.warehouse.rule_sets import accept_rules
from resources.storage.config_files import read_metadata_config, read_rules_file
from resources.storage.drop_folder import DropFolder
from resources.storage.home import REPO, Home


@functools.cache
def _shipped_metadata_config() -> MetadataConfig:
    return read_metadata_config(REPO / "configs" / "call_metadata.yaml")


@dataclass
class DirectRun:
    """A home processed without Dagster."""

    home: Home
    warehouse: Warehouse
    rules: Path
    hotwords: HotwordLists = HotwordLists()  # noqa: RUF009 - immutable

    def pipeline(self, models: Any = None) -> Pipeline:
        context = StageContext(
            home=self.home,
            warehouse=self.warehouse,
            configs=REPO / "configs",
            open_models=lambda: models,
            read_hotwords=lambda: self.hotwords,
            read_rules=lambda: accept_rules(self.warehouse, read_rules_file(self.rules)).rules,
            open_outbox=Outbox,
        )
        return Pipeline(context, DropFolder(self.home.drop), _shipped_metadata_config())

    def publish(self) -> None:
        """Publish every day that is out of date."""
        publisher = self.pipeline().publisher()
        for report in publisher.publish_days(list(publisher.find_stale()), run_id="publish"):
            assert report.withheld is None

    def scan_once(
        self, *, settle: timedelta = timedelta(0), now: datetime | None = None
    ) -> ScanResult:
        """Scan the drop folder once; by default every file counts as complete."""
        return self.pipeline().scan(settle=settle, now=now)

    def scan(self) -> list[str]:
        """Scan, every file counting as complete; returns the drop folder's days."""
        self.scan_once()
        return self.pipeline().days()

    def ingest(self, day: str, *, copy: bool = False) -> IngestReport:
        return self.pipeline().ingest(day, run_id="run", copy=copy)

    def ingest_all(self) -> list[str]:
        """Scan, and ingest every day there is; returns what was wrong."""
        return [problem for day in self.scan() for problem in self.ingest(day).problems]

    def stages(self, models: Any, batch_recordings: int = 32) -> Sequence[Stage[Any, Any]]:
        context = self.pipeline(models).context
        stages = [definition.build(context) for definition in STAGES]
        return [replace(stage, batch_recordings=batch_recordings) for stage in stages]

    def run(
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
