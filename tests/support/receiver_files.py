"""Notifiers for the receivers of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resources.notifier.notifier import Notifier
from resources.notifier.receiver_config import Settings
from tests.support.receivers import PASSWORD, SECRETS, HttpReceiver, MailReceiver


def notifier_of(
    certificate: Path | None,
    receivers: Sequence[HttpReceiver | MailReceiver],
    *,
    keys: Mapping[str, Mapping[str, Any]] | None = None,
    recipients: Sequence[str] = ("qa@example.com",),
    **settings: Any,
) -> Notifier:
    """Each receiver is named after its kind; `keys` adds keys to a receiver's own."""
    entries: dict[str, dict[str, Any]] = {}
    environment: dict[str, str] = {}
    for receiver in receivers:
        if isinstance(receiver, MailReceiver):
            entries["email"] = {
                "type": "email",
                "host": "127.0.0.1",
                "port": receiver.port,
                "username": "callqa",
                "password_env": "MAIL_PASSWORD",
                "sender": "callqa@example.com",
                "recipients": list(recipients),
                "ca_file": certificate,
            }
            environment["MAIL_PASSWORD"] = PASSWORD
            continue
        name = receiver.kind.upper()
        entries[receiver.kind] = {"type": receiver.kind, "url_env": f"{name}_URL"}
        environment[f"{name}_URL"] = receiver.url
        if receiver.kind in SECRETS:
            entries[receiver.kind]["secret_env"] = f"{name}_SECRET"
            environment[f"{name}_SECRET"] = SECRETS[receiver.kind]
    for name, entry in entries.items():
        entry |= {"timeout_sec": 2, **(keys or {}).get(name, {})}
    return Notifier(Settings.model_validate({"channels": entries, **settings}), environment)
