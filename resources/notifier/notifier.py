"""The notifier: every receiver of a channels file, opened when something is to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resources.notifier.messages import MessageWriter
from resources.notifier.receiver import Receiver, ReceiverUnusableError, Sender
from resources.notifier.receiver_config import Settings, load_settings


@dataclass(frozen=True)
class Notifier:
    """Settings, and the environment that holds the secrets."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)

    def receiver(self, name: str) -> Receiver:
        """Raises ReceiverUnusableError where the file has no such receiver."""
        if name not in self.settings.receivers:
            raise ReceiverUnusableError(
                f"no such receiver: add {name!r} to the channels file or correct the rule"
            )
        return self.settings.receivers[name]

    def writer(self, receiver: Receiver) -> MessageWriter:
        return MessageWriter(receiver.language, self.settings.dagster_url)

    def open(self, name: str) -> Sender:
        """The receiver's sender. Raises ReceiverUnusableError saying what to set or correct."""
        receiver = self.receiver(name)
        return receiver.open(receiver.read_secrets(self.environment), self.writer(receiver))


def load_notifier(path: Path, environment: Mapping[str, str]) -> Notifier:
    """Raises ChannelsError."""
    return Notifier(load_settings(path), environment)
