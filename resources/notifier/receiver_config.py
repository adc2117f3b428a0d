"""`configs/channels.yaml`: the receivers of alerts, and what holds for all of them.

The models define the keys of the file: those of all receivers are in `receiver`, those of each
kind in `receivers/`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from callqa_assets.domain.yaml_config import ConfigError, load
from resources.notifier.receiver import FileModel
from resources.notifier.receivers import AnyReceiver
from resources.storage.config_files import read_config

MAX_DIGEST = 100
"""Alerts in one message; WeCom's 4,096 bytes hold some 30."""


class ChannelsError(ConfigError):
    """A channels file that cannot be used."""


Name = Annotated[str, Field(pattern=r"^\w[\w .-]{0,79}$")]


class Retry(FileModel):
    """When a failed attempt is repeated, and when it is given up."""

    first_wait_sec: float = Field(default=30.0, gt=0)
    """Doubled with every attempt; jitter shortens each wait by up to half."""
    longest_wait_sec: float = Field(default=3600.0, gt=0)
    max_attempts: int = Field(default=12, ge=1)
    give_up_after_hours: float = Field(default=24.0, gt=0)

    @property
    def give_up_after(self) -> timedelta:
        return timedelta(hours=self.give_up_after_hours)


class Settings(FileModel):
    """A channels file."""

    deliver_max_age_hours: float = Field(default=48.0, gt=0)
    """Alerts of calls that ended longer ago are recorded, but nobody is notified."""
    undelivered_warn_after_min: float = Field(default=30.0, gt=0)
    """Age of an undelivered alert at which the check `deliveries_are_recent` warns."""
    dagster_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """URL of Dagster's UI, for links to the run."""
    retry: Retry = Retry()
    receivers: dict[Name, Annotated[AnyReceiver, Field(discriminator="type")]] = Field(
        alias="channels", default_factory=dict
    )

    @property
    def deliver_max_age(self) -> timedelta:
        return timedelta(hours=self.deliver_max_age_hours)


def load_settings(path: Path) -> Settings:
    """Raises ChannelsError with every problem found; none of them repeats a value of the file."""
    text = read_config(
        path, error=ChannelsError, cure="restore the channels file or set CALLQA_CHANNELS"
    )
    return load(
        text,
        Settings,
        source=str(path),
        error=ChannelsError,
        entries={"channels": "channel"},
        hide_values=True,
    ).value
