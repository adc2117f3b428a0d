"""`configs/channels.yaml`: which channels there are, and what each needs from the environment.

The models are the file's language. A secret is named here, never written: `url_env` is the name of
an environment variable. How a channel sends is in `robots`, `webhook` and `mail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from callqa_assets.domain.alerts.rate_limit import Limit
from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.yaml_config import ConfigError, load
from resources.storage.config_files import read_config

MAX_DIGEST = 100
"""Alerts in one message; WeCom's 4,096 bytes hold some 30."""


HTTP_STEPS = 6
"""Connect, TLS, write, read the head, read the body, and one to spare."""


class ChannelsError(ConfigError):
    """A channels file that cannot be used."""


class ChannelUnusableError(CallqaError):
    """A channel to which nothing can be sent as things are; the text says what to do."""


VariableName = Annotated[
    str,
    Field(
        pattern=r"^[A-Z][A-Z0-9_]{0,79}$",
        description="the name of an environment variable, such as CALLQA_DINGTALK_URL",
    ),
]
Name = Annotated[str, Field(pattern=r"^\w[\w .-]{0,79}$")]
Address = Annotated[str, Field(pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+$")]


class _Keys(BaseModel):
    """Unknown keys are errors: a misspelt `limts` must not become a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Channel(_Keys):
    """What every channel may say."""

    language: Literal["zh", "en"] = "zh"
    limits: tuple[Limit, ...] = Field(min_length=1)
    """All of them hold, in front of the receiver, whatever process sends."""
    fold_above: int = Field(default=10, ge=1, le=1_000)
    """More new alerts than this, or than may be sent at the moment, become one digest."""
    timeout_sec: float = Field(default=10.0, gt=0, le=60)
    """For each step of talking to the receiver."""

    rest_sec: float = Field(default=60.0, gt=0)
    """Pause after the receiver said that it was too much, where it does not say how long."""

    max_text_bytes: ClassVar[int]
    """Of a message's text, as JSON writes it."""

    @property
    def steps(self) -> int:
        """Of one sending, each of which may take `timeout_sec`."""
        return HTTP_STEPS

    @property
    def lease(self) -> timedelta:
        """After this an attempt is surely over."""
        return timedelta(seconds=self.timeout_sec * self.steps + 5.0)

    def secret_names(self) -> tuple[str, ...]:
        """Environment variables that must be set before the channel is on."""
        names = (getattr(self, key, None) for key in ("url_env", "secret_env", "password_env"))
        return tuple(name for name in names if name is not None)


class _HttpChannel(_Channel):
    url_env: VariableName
    """Of the whole URL, token included."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""


class WebhookChannel(_HttpChannel):
    """Standard Webhooks (standardwebhooks.com): JSON, signed."""

    type: Literal["webhook"]
    secret_env: VariableName
    """Of the signing secret, `whsec_…`."""
    limits: tuple[Limit, ...] = (Limit(messages=100, per_sec=10),)
    fold_above: int = Field(default=50, ge=1, le=1_000)

    max_text_bytes = 1_000_000


class DingTalkChannel(_HttpChannel):
    """A group's custom robot: 20 messages a minute, or it is silenced for ten minutes."""

    type: Literal["dingtalk"]
    secret_env: VariableName | None = None
    """Of the secret (`SEC…`) where the robot checks signatures."""
    limits: tuple[Limit, ...] = (Limit(messages=20, per_sec=60),)

    rest_sec: float = Field(default=600.0, gt=0)

    max_text_bytes = 16_000


class WeComChannel(_HttpChannel):
    """A group robot: 20 messages a minute, 4,096 bytes each."""

    type: Literal["wecom"]
    limits: tuple[Limit, ...] = (Limit(messages=20, per_sec=60),)

    max_text_bytes = 4_000


class FeishuChannel(_HttpChannel):
    """A group's custom robot: 100 messages a minute and 5 a second, 20 KB each."""

    type: Literal["feishu"]
    secret_env: VariableName | None = None
    limits: tuple[Limit, ...] = (Limit(messages=100, per_sec=60), Limit(messages=5, per_sec=1))

    max_text_bytes = 16_000


class EmailChannel(_Channel):
    """SMTP, always encrypted."""

    type: Literal["email"]
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    encryption: Literal["starttls", "tls"] = "starttls"
    """`tls`: encrypted from the first byte, usually port 465."""
    username: str | None = None
    password_env: VariableName | None = None
    sender: Address
    recipients: tuple[Address, ...] = Field(min_length=1)
    ca_file: Path | None = None
    limits: tuple[Limit, ...] = (Limit(messages=30, per_sec=60),)

    max_text_bytes = 100_000

    @property
    def steps(self) -> int:
        return 12 + len(self.recipients)

    @model_validator(mode="after")
    def _password_of_somebody(self) -> EmailChannel:
        if (self.username is None) != (self.password_env is None):
            raise ValueError("`username` and `password_env` belong together: give both or neither")
        return self


Channel = WebhookChannel | DingTalkChannel | WeComChannel | FeishuChannel | EmailChannel


class Retry(_Keys):
    """When an attempt that failed is made again, and when no more."""

    first_wait_sec: float = Field(default=30.0, gt=0)
    """Doubled with every attempt; of each wait, a random half at most is taken off."""
    longest_wait_sec: float = Field(default=3600.0, gt=0)
    max_attempts: int = Field(default=12, ge=1)
    give_up_after_hours: float = Field(default=24.0, gt=0)

    @property
    def give_up_after(self) -> timedelta:
        return timedelta(hours=self.give_up_after_hours)


class Settings(_Keys):
    """A channels file."""

    deliver_max_age_hours: float = Field(default=48.0, gt=0)
    """Alerts of calls that ended longer ago are recorded, and nobody is told."""
    undelivered_warn_after_min: float = Field(default=30.0, gt=0)
    """Age of an undelivered alert at which the check `deliveries_are_recent` warns."""
    dagster_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Of Dagster's UI, for links to the run."""
    retry: Retry = Retry()
    channels: dict[Name, Annotated[Channel, Field(discriminator="type")]] = Field(
        default_factory=dict
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


def read_secrets(channel: Channel, environment: Mapping[str, str]) -> dict[str, SecretStr]:
    """The values of `secret_names()`. Raises ChannelUnusableError naming those that are not set."""
    names = channel.secret_names()
    if missing := [name for name in names if not environment.get(name)]:
        raise ChannelUnusableError(f"not configured: set {' and '.join(missing)}")
    return {name: SecretStr(environment[name]) for name in names}
