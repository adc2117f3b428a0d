"""Feishu: a group's custom robot."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from callqa_assets.domain.alerts.rate_limit import Limit
from resources.notifier.http import HttpReceiver
from resources.notifier.messages import MessageWriter
from resources.notifier.receiver import VariableName
from resources.notifier.receivers.robots import RobotSender


class FeishuReceiver(HttpReceiver):
    """At most 100 messages per minute and 5 per second, of 20 KB each."""

    type: Literal["feishu"]
    secret_env: VariableName | None = None
    """Variable with the secret, where the robot checks signatures."""
    limits: tuple[Limit, ...] = (Limit(messages=100, per_sec=60), Limit(messages=5, per_sec=1))

    max_text_bytes = 16_000

    def open(self, secrets: Mapping[str, str], writer: MessageWriter) -> FeishuSender:
        return FeishuSender(
            poster=self.open_poster(secrets),
            writer=writer,
            max_text_bytes=self.max_text_bytes,
            secret=secrets[self.secret_env] if self.secret_env else None,
        )


@dataclass(frozen=True)
class FeishuSender(RobotSender):
    secret: str | None = field(repr=False)

    # Older robots reply with StatusCode where they have accepted a message.
    code_keys = ("code", "StatusCode")
    throttle_codes = frozenset({11232})

    def write(self, title: str, text: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "msg_type": "interactive",
            "card": {
                "header": {"title": {"tag": "plain_text", "content": title}, "template": "red"},
                "elements": [{"tag": "markdown", "content": text}],
            },
        }
        if self.secret is not None:
            now_s = int(time.time())
            body |= {"timestamp": str(now_s), "sign": sign(self.secret, now_s)}
        return body


def sign(secret: str, timestamp_s: int) -> str:
    """base64(HMAC-SHA256("timestamp\\nsecret", "")): the text to sign is the key."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()
