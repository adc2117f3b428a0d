"""Standard Webhooks (standardwebhooks.com): JSON with an id, a time and a signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from callqa_assets.domain.alerts.rate_limit import Limit
from resources.notifier.http import HttpReceiver, Poster
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Outcome
from resources.notifier.receiver import ReceiverUnusableError, VariableName

_KEY_BYTES = range(24, 65)
"""The specification's bounds."""


class WebhookReceiver(HttpReceiver):
    """Standard Webhooks: JSON, signed."""

    type: Literal["webhook"]
    secret_env: VariableName
    """Variable with the signing secret, `whsec_…`."""
    limits: tuple[Limit, ...] = (Limit(messages=100, per_sec=10),)
    fold_above: int = Field(default=50, ge=1, le=1_000)

    max_text_bytes = 1_000_000

    def open(self, secrets: Mapping[str, str], writer: MessageWriter) -> WebhookSender:
        key = read_secret(secrets[self.secret_env])
        return WebhookSender(self.open_poster(secrets), key, writer)


def read_secret(secret: str) -> bytes:
    """The key of a `whsec_…` secret. Raises ReceiverUnusableError."""
    prefix, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if prefix != "whsec" or len(key) not in _KEY_BYTES:
        raise ReceiverUnusableError(
            "its signing secret is not `whsec_` and 24 to 64 bytes in base64: correct the variable"
        )
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and base64(HMAC-SHA256("id.timestamp.body"))."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class WebhookSender:
    """One event per message: `alerts.fired` with one alert or, as a digest, several; or
    `topics.spiked` with spikes."""

    def __init__(self, poster: Poster, key: bytes, writer: MessageWriter) -> None:
        self._poster = poster
        self._key = key
        self._writer = writer

    def send(self, message: Message) -> Outcome:
        now = time.time()
        event = {
            "type": "topics.spiked" if message.spikes else "alerts.fired",
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            "data": {
                "spikes" if message.spikes else "alerts": [
                    {**notice, "run_url": self._writer.run_url(notice)}
                    for notice in message.spikes or message.alerts
                ]
            },
        }
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "content-type": "application/json",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": sign(self._key, message.message_id, int(now), body),
        }
        reply = self._poster.post(body, headers)
        return reply if isinstance(reply, Outcome) else Outcome("accepted")
