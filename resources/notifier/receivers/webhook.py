"""Standard Webhooks (standardwebhooks.com): JSON with an id, a time and a signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from resources.notifier.http import Poster
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Answer
from resources.notifier.receiver_config import ChannelUnusableError

_KEY_BYTES = range(24, 65)
"""The specification's bounds."""


def read_secret(secret: str) -> bytes:
    """The key of a `whsec_…` secret. Raises ChannelUnusableError."""
    prefix, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if prefix != "whsec" or len(key) not in _KEY_BYTES:
        raise ChannelUnusableError(
            "its signing secret is not `whsec_` and 24 to 64 bytes in base64: correct the variable"
        )
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and base64(HMAC-SHA256("id.timestamp.body"))."""
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class WebhookSender:
    """One event a message: `alerts.fired` with one alert or, as a digest, several."""

    def __init__(
        self,
        poster: Poster,
        secret: str,
        writer: MessageWriter,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._poster = poster
        self._key = read_secret(secret)
        self._writer = writer
        self._clock = clock

    def send(self, message: Message) -> Answer:
        now = self._clock()
        event = {
            "type": "alerts.fired",
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            "data": {
                "alerts": [
                    {**alert, "run_url": self._writer.run_url(alert)} for alert in message.alerts
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
        answer = self._poster.post(body, headers)
        return answer if isinstance(answer, Answer) else Answer("taken")
