"""From the drop folder to the alerts without Dagster: for servers and scripts.

It calls the same functions as the assets, in the same order, on the same ledger, so that both may
work on one home at once and share the work. Run records and checks exist only in Dagster.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.rules.rule_set import RuleSet
from callqa_assets.ingestion.archiving import IngestReport, ingest_day
from callqa_assets.ingestion.discovery import ScanResult, scan
from callqa_assets.marts.publishing import Publisher
from callqa_assets.marts.registry import MARTS
from callqa_assets.stages.contract import Progress, StageReport, run_stage
from callqa_assets.stages.definition import StageContext
from callqa_assets.stages.registry import STAGE_NAMES, STAGES
from callqa_assets.warehouse.dirty_days import (
    day_is_settled,
    mark_done,
    read_dirty_days,
    read_generation,
)
from callqa_assets.warehouse.files import read_days_of_drop
from callqa_assets.warehouse.outbox import Outbox
from callqa_assets.warehouse.rule_sets import accept_rules
from resources.notifier.notifier import load_notifier
from resources.settings import Settings
from resources.speech_models.asr.hotword_files import read_hotwords
from resources.speech_models.loader import SpeechModels, cached_speech_models
from resources.storage.config_files import read_metadata_config, read_rules_file
from resources.storage.drop_folder import DropFolder

_log = logging.getLogger(__name__)


def _ignore_progress(stage: str, day: str, done: int, total: int) -> None:
    """The default for `progress`."""


@dataclass(frozen=True)
class DayReport:
    """Result of a run over one day."""

    ingest: IngestReport
    stages: dict[str, StageReport]
    """By name of the stage."""


@dataclass(frozen=True)
class Pipeline:
    """A home, its drop folder, and what its stages are built from."""

    context: StageContext
    drop: DropFolder
    metadata: MetadataConfig
    customer_key: bytes | None = field(default=None, repr=False)

    @classmethod
    def open(cls, settings: Settings) -> Pipeline:
        """The pipeline of these settings. The home must be prepared; models load when needed.

        Raises CallqaError where the warehouse or a configuration file cannot be used.
        """
        warehouse = settings.open_warehouse()

        def open_models() -> SpeechModels:
            return cached_speech_models(
                settings.load_profile(), settings.models, device_locks=settings.device_locks
            )

        def read_rules() -> RuleSet:
            in_force = accept_rules(warehouse, read_rules_file(settings.rules_file))
            if in_force.problem:
                _log.error("%s; the last accepted rules stay in force", in_force.problem)
            return in_force.rules

        def open_outbox() -> Outbox:
            notifier = load_notifier(settings.channels_file, settings.environment)
            return Outbox(notifier.settings.deliver_max_age, calendar=settings.home.calendar)

        context = StageContext(
            home=settings.home,
            warehouse=warehouse,
            configs=settings.configs,
            open_models=open_models,
            read_hotwords=lambda: read_hotwords(settings.hotwords),
            read_rules=read_rules,
            open_outbox=open_outbox,
        )
        return cls(
            context,
            DropFolder(settings.drop),
            read_metadata_config(settings.metadata_file),
            settings.customer_key,
        )

    def scan(self, *, settle: timedelta = timedelta(0), now: datetime | None = None) -> ScanResult:
        """Scan the drop folder once; by default every file counts as complete."""
        return scan(
            self.context.warehouse,
            self.drop,
            self.metadata,
            self.context.home.calendar,
            now=now or datetime.now(UTC),
            settle=settle,
        )

    def publisher(self) -> Publisher:
        """What publishes the marts' days."""
        context = self.context
        return Publisher(
            context.warehouse,
            MARTS,
            context.home.calendar,
            context.configs,
            self.customer_key,
            context.open_outbox(),
        )

    def days(self) -> list[str]:
        """Days of all recordings that this drop folder ever held, and dirty days."""
        with self.context.warehouse.read() as connection:
            found = {
                *read_days_of_drop(connection, self.drop.root),
                *read_dirty_days(connection),
            }
        return sorted(found)

    def ingest(
        self, day: str, *, run_id: str, copy: bool = False, progress: Progress = _ignore_progress
    ) -> IngestReport:
        """Archive a day's settled files; with `copy`, the originals stay."""
        context = self.context
        return ingest_day(
            context.warehouse, context.home, day, run_id=run_id, copy=copy, progress=progress
        )

    def run_stages(
        self,
        days: Sequence[str],
        *,
        run_id: str,
        names: Collection[str] = STAGE_NAMES,
        force: bool = False,
        progress: Progress = _ignore_progress,
    ) -> dict[tuple[str, str], StageReport]:
        """Bring these days up to date, one stage after the other over all of them.

        Returns the report of each (stage, day). Raises where a stage as a whole cannot work, or
        the warehouse fails; a recording's own failure is in the report.
        """
        reports: dict[tuple[str, str], StageReport] = {}
        for definition in STAGES:
            if definition.name not in names:
                continue
            stage = definition.build(self.context)
            for day in days:
                reports[stage.name, day] = run_stage(
                    self.context.warehouse,
                    stage,
                    day,
                    run_id=run_id,
                    force=force,
                    progress=progress,
                )
            definition.clean_up(self.context, days)
        return reports

    def run_day(
        self,
        day: str,
        *,
        run_id: str,
        copy: bool = False,
        force: bool = False,
        progress: Progress = _ignore_progress,
    ) -> DayReport:
        """Ingest a day, run every stage on it, and mark it done where nothing is left."""
        warehouse = self.context.warehouse
        with warehouse.read() as connection:
            generation = read_generation(connection, day)
        ingested = self.ingest(day, run_id=run_id, copy=copy, progress=progress)
        reports = self.run_stages([day], run_id=run_id, force=force, progress=progress)
        with warehouse.write() as connection:
            if day_is_settled(connection, day, STAGE_NAMES):
                mark_done(connection, day, generation)
        return DayReport(ingested, {name: report for (name, _), report in reports.items()})
