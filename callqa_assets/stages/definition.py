"""What a stage declares, and what it is built from. The list of stages is `registry`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.rules.rule_set import RuleSet
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.stages.contract import Stage
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.outbox import Outbox
from resources.speech_models.loader import SpeechModels
from resources.storage.archive import RecordingArchive
from resources.storage.home import Home
from resources.storage.lake import EmotionLake


@dataclass(frozen=True)
class StageContext:
    """What stages are built from; each takes what it needs.

    The functions are called only by the stages that need their result, so that a bad rules file
    stops no transcript, and missing weights stop no alert.
    """

    home: Home
    warehouse: Warehouse
    configs: Path
    """Folder of the configuration files of stages that have one."""
    open_models: Callable[[], SpeechModels]
    read_hotwords: Callable[[], HotwordLists]
    read_rules: Callable[[], RuleSet]
    open_outbox: Callable[[], Outbox]

    @cached_property
    def archive(self) -> RecordingArchive:
        return RecordingArchive(self.home)

    @cached_property
    def lake(self) -> EmotionLake:
        return EmotionLake(self.home)


def _nothing(context: StageContext, days: Sequence[str]) -> None:
    """The clean-up of a stage that leaves nothing behind."""


@dataclass(frozen=True)
class StageDefinition:
    """One stage under its three names: ledger, asset, tables."""

    name: str
    """Name in the ledger `stage_runs`, in progress and in `callqa` output."""
    asset: str
    """Name of the Dagster asset."""
    tables: tuple[sa.Table, ...]
    """Tables that it writes; Dagster shows the row count of the first."""
    upstream: tuple[str, ...]
    """Names of the stages whose output it reads; empty: it reads recordings only."""
    code_version: str
    """Raised when what it computes changes: everything stored becomes out of date."""
    build: Callable[[StageContext], Stage[Any, Any]]
    uses_models: bool = True
    """Holds an accelerator: Dagster limits such runs by a pool."""
    clean_up: Callable[[StageContext, Sequence[str]], None] = _nothing
    """Called with the days of a run after it, to remove what no row names any more."""
