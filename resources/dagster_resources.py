"""The Dagster side of the resources: configuration in, the plain object out.

Settings come from the environment (`CALLQA_…`), read when the code location loads; what holds a
password stays an environment variable in Dagster's eyes, so that no run config shows it.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from callqa_assets.domain.calls.sources import MetadataConfig
from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from resources.notifier.notifier import Notifier, channels_file, load_notifier
from resources.speech_models.asr.hotword_files import read_hotwords
from resources.speech_models.loader import SpeechModels, cached_speech_models
from resources.speech_models.profiles import DEFAULT_PROFILE, Profile, load_profile
from resources.storage.archive import RecordingArchive
from resources.storage.config_files import read_metadata_config
from resources.storage.drop_folder import DropFolder
from resources.storage.home import Home, configs_folder, models_folder


class HomeResource(dg.ConfigurableResource):
    """The home folder and what lies in it."""

    folder: str

    def open(self) -> Home:
        return Home(Path(self.folder))

    def open_archive(self) -> RecordingArchive:
        return RecordingArchive(self.open())


class WarehouseResource(dg.ConfigurableResource):
    """The SQL warehouse; one engine a process."""

    url: str

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
    """The models of one profile, loaded at most once a process."""

    profile: str
    models_folder: str
    profiles_file: str

    def load_profile(self) -> Profile:
        return load_profile(Path(self.profiles_file), self.profile)

    def open(self) -> SpeechModels:
        return cached_speech_models(self.load_profile(), Path(self.models_folder))

    def read_hotwords(self) -> HotwordLists:
        """The lists in hotwords/ beside the profiles, as they are now. Raises HotwordError."""
        return read_hotwords(Path(self.profiles_file).parent / "hotwords")


class RulesResource(dg.ConfigurableResource):
    """The alert rules file."""

    path: str

    def open(self) -> Path:
        return Path(self.path)


class NotifierResource(dg.ConfigurableResource):
    """The channels by which people are told; their secrets stay in the environment."""

    channels_file: str

    def open(self) -> Notifier:
        """Raises ChannelsError where the file is bad."""
        return load_notifier(Path(self.channels_file))


def resources_from_environment() -> dict[str, dg.ConfigurableResource]:
    """The resources as the environment (`CALLQA_HOME`, `CALLQA_DROP`, …) describes them."""
    home = Home.from_environment()
    configs = configs_folder()
    profile = os.environ.get("CALLQA_MODEL_PROFILE") or DEFAULT_PROFILE
    profiles_file = configs / "models.yaml"
    rules = os.environ.get("CALLQA_RULES") or configs / load_profile(profiles_file, profile).rules
    has_url = bool(os.environ.get("CALLQA_WAREHOUSE_URL"))
    return {
        "home": HomeResource(folder=str(home.root)),
        "warehouse": WarehouseResource(
            url=dg.EnvVar("CALLQA_WAREHOUSE_URL") if has_url else home.database_url
        ),
        "drop_folder": DropFolderResource(
            folder=os.environ.get("CALLQA_DROP") or str(home.drop),
            metadata_config=str(configs / "call_metadata.yaml"),
        ),
        "speech_models": SpeechModelsResource(
            profile=profile,
            models_folder=str(models_folder()),
            profiles_file=str(profiles_file),
        ),
        "rules": RulesResource(path=str(rules)),
        "notifier": NotifierResource(channels_file=str(channels_file())),
    }
