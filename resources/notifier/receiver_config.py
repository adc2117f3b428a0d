"""`configs/channels.yaml`: the receivers of alerts, and what holds for all of them.

The models are the file's language. What a receiver is stands in `receiver`, each kind in
`receivers/`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from callqa_assets.domain.errors import CallqaError
from resources.notifier.receiver import FileModel
from resources.notifier.receivers import AnyReceiver

MAX_DIGEST = 100
"""Alerts in one message; WeCom's 4,096 bytes hold some 30."""


class ChannelsError(CallqaError):
    """A channels file that cannot be used; the text names file, key and cure."""


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
    """Of Dagster's UI, for links to the run."""
    retry: Retry = Retry()
    receivers: dict[Name, Annotated[AnyReceiver, Field(discriminator="type")]] = Field(
        alias="channels", default_factory=dict
    )

    @property
    def deliver_max_age(self) -> timedelta:
        return timedelta(hours=self.deliver_max_age_hours)


def load_settings(path: Path) -> Settings:
    """Raises ChannelsError with every problem found; none of them repeats a value of the file."""
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ChannelsError(
            f"{path} cannot be read ({type(error).__name__}): restore the file or set "
            "CALLQA_CHANNELS"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ChannelsError(f"{path}{line}: not readable as YAML: mend it there") from None
    try:
        return Settings.model_validate({} if document is None else document)
    except ValidationError as error:
        # Without `from`: pydantic's own text repeats values, and somebody's slip may be a secret.
        raise ChannelsError(f"{path}: " + "; ".join(_describe(error))) from None


def _describe(error: ValidationError) -> list[str]:
    problems: list[str] = []
    for finding in error.errors(include_url=False, include_context=False, include_input=False):
        # pydantic names the kind of receiver that it tried as a step of the path.
        path = [str(part) for part in finding["loc"]]
        if len(path) > 2 and path[0] == "channels":
            del path[2]
        key = ".".join(path) or "the file"
        message = finding["msg"].removeprefix("Value error, ")
        if finding["type"] == "extra_forbidden":
            problems.append(f"`{key}` is no key here: delete or correct it")
        elif key.endswith("_env"):
            problems.append(
                f"`{key}` must be the name of an environment variable, such as CALLQA_DINGTALK_URL"
            )
        else:
            problems.append(f"`{key}`: {message}")
    return problems
