"""The notifier: every channel of a channels file, opened when something is to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resources.notifier.http import Poster
from resources.notifier.messages import MessageWriter
from resources.notifier.outcome import Sender
from resources.notifier.receiver_config import (
    Channel,
    ChannelUnusableError,
    DingTalkChannel,
    EmailChannel,
    FeishuChannel,
    Settings,
    WebhookChannel,
    load_settings,
    read_secrets,
)
from resources.notifier.receivers.email import MailSender
from resources.notifier.receivers.robots import DingTalkRobot, FeishuRobot, WeComRobot
from resources.notifier.receivers.webhook import WebhookSender


@dataclass(frozen=True)
class Notifier:
    """Settings, and the environment that holds the secrets."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)

    def channel(self, name: str) -> Channel:
        """Raises ChannelUnusableError where the file has no such channel."""
        if name not in self.settings.channels:
            raise ChannelUnusableError(
                f"no such channel: add {name!r} to the channels file or correct the rule"
            )
        return self.settings.channels[name]

    def writer(self, channel: Channel) -> MessageWriter:
        return MessageWriter(channel.language, self.settings.dagster_url)

    def open(self, name: str) -> Sender:
        """The channel's sender. Raises ChannelUnusableError saying what to set or correct."""
        channel = self.channel(name)
        found = read_secrets(channel, self.environment)
        secrets = {name: value.get_secret_value() for name, value in found.items()}
        writer = self.writer(channel)
        if isinstance(channel, EmailChannel):
            password = secrets[channel.password_env] if channel.password_env else None
            return MailSender(channel, password, writer)
        poster = Poster(
            secrets[channel.url_env],
            timeout_s=channel.timeout_sec,
            rest_s=channel.rest_sec,
            ca_file=str(channel.ca_file) if channel.ca_file else None,
            secrets=list(secrets.values()),
        )
        if isinstance(channel, WebhookChannel):
            return WebhookSender(poster, secrets[channel.secret_env], writer)
        shape = (poster, writer, channel.max_text_bytes)
        if isinstance(channel, DingTalkChannel):
            return DingTalkRobot(*shape, secrets.get(channel.secret_env or ""))
        if isinstance(channel, FeishuChannel):
            return FeishuRobot(*shape, secrets.get(channel.secret_env or ""))
        return WeComRobot(*shape)


def load_notifier(path: Path, environment: Mapping[str, str]) -> Notifier:
    """Raises ChannelsError."""
    return Notifier(load_settings(path), environment)
