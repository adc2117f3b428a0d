"""The Dagster side of the resources: configuration in, the plain object out.

`Settings` are read once, when the code location loads: a changed variable needs a reload.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.days import Calendar
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from resources.notifier.notifier import Notifier, load_notifier
from resources.settings import Settings
from resources.speech_models.asr.hotword_files import read_hotwords
from resources.speech_models.loader import SpeechModels, cached_speech_models
from resources.speech_models.profiles import Profile, load_profile
from resources.storage.config_files import read_metadata_config
from resources.storage.drop_folder import DropFolder
from resources.storage.home import Home


class HomeResource(dg.ConfigurableResource):
    """The home folder, and the configuration of what is made of its calls."""

    folder: str
    timezone: str
    first_day: str
    configs: str
    """Folder of configuration files."""

    def open(self) -> Home:
        return Home(Path(self.folder), Calendar(self.timezone, self.first_day))


@dataclass(frozen=True)
class WarehouseResource:
    """The SQL warehouse; one engine per process.

    A plain object: Dagster shows and stores the configuration of a `ConfigurableResource`, and the
    URL may hold a password.
    """

    url: str = field(repr=False)

    def open(self) -> Warehouse:
        """Raises WarehouseError unless its tables are of this version."""
        return open_warehouse(self.url)


class DropFolderResource(dg.ConfigurableResource):
    """Where recordings arrive, and how their metadata is read."""

    folder: str
    metadata_config: str
    copy_files: bool = False
    """Leave the originals where they are."""

    def open(self) -> DropFolder:
        return DropFolder(self.folder)

    def load_metadata_config(self) -> MetadataConfig:
        return read_metadata_config(Path(self.metadata_config))


class SpeechModelsResource(dg.ConfigurableResource):
    """The models of one profile, loaded at most once per process."""

    profile: str
    models_folder: str
    profiles_file: str
    hotwords_folder: str
    device_locks: str | None = None
    """Folder of the locks on accelerators; none: the system's folder for temporary files."""

    def load_profile(self) -> Profile:
        return load_profile(Path(self.profiles_file), self.profile)

    def open(self) -> SpeechModels:
        locks = Path(self.device_locks) if self.device_locks else None
        return cached_speech_models(
            self.load_profile(), Path(self.models_folder), device_locks=locks
        )

    def read_hotwords(self) -> HotwordLists:
        """The lists as they are now. Raises HotwordError."""
        return read_hotwords(Path(self.hotwords_folder))


class RulesResource(dg.ConfigurableResource):
    """The alert rules file."""

    path: str


@dataclass(frozen=True)
class NotifierResource:
    """The receivers of alerts. A plain object, as their secrets are in the environment."""

    channels_file: Path
    environment: Mapping[str, str] = field(repr=False)

    def open(self) -> Notifier:
        """Raises ChannelsError where the file is bad."""
        return load_notifier(self.channels_file, self.environment)


@dataclass(frozen=True)
class CustomerKey:
    """The key under which customers' numbers are hashed. A plain object, as it is a secret."""

    value: bytes | None = field(repr=False)


def build_resources(settings: Settings) -> dict[str, Any]:
    """The resources that Dagster hands to assets, checks and sensors. Raises ProfileError."""
    home, calendar = settings.home, settings.home.calendar
    return {
        "home": HomeResource(
            folder=str(home.root),
            timezone=calendar.timezone,
            first_day=calendar.first_day,
            configs=str(settings.configs),
        ),
        "warehouse": WarehouseResource(settings.warehouse_url),
        "drop_folder": DropFolderResource(
            folder=str(settings.drop), metadata_config=str(settings.metadata_file)
        ),
        "speech_models": SpeechModelsResource(
            profile=settings.profile,
            models_folder=str(settings.models),
            profiles_file=str(settings.profiles_file),
            hotwords_folder=str(settings.hotwords),
            device_locks=str(settings.device_locks) if settings.device_locks else None,
        ),
        "rules": RulesResource(path=str(settings.rules_file)),
        "customer_key": CustomerKey(settings.customer_key),
        "notifier": NotifierResource(settings.channels_file, settings.environment),
    }
