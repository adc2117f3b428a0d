"""DingTalk: a group's custom robot."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from callqa_assets.domain.alerts.rate_limit import Limit
from resources.notifier.http import HttpReceiver
from resources.notifier.messages import MessageWriter
from resources.notifier.receiver import VariableName
from resources.notifier.receivers.robots import RobotSender


class DingTalkReceiver(HttpReceiver):
    """At most 20 messages per minute, else the robot is blocked for ten minutes."""

    type: Literal["dingtalk"]
    secret_env: VariableName | None = None
    """Variable with the secret (`SEC…`), where the robot checks signatures."""
    limits: tuple[Limit, ...] = (Limit(messages=20, per_sec=60),)
    pause_sec: float = Field(default=600.0, gt=0)

    max_text_bytes = 16_000

    def open(self, secrets: Mapping[str, str], writer: MessageWriter) -> DingTalkSender:
        return DingTalkSender(
            poster=self.open_poster(secrets),
            writer=writer,
            max_text_bytes=self.max_text_bytes,
            secret=secrets[self.secret_env] if self.secret_env else None,
        )


@dataclass(frozen=True)
class DingTalkSender(RobotSender):
    secret: str | None = field(repr=False)

    code_keys = ("errcode",)
    # All of them mean "sent too fast", in different versions of DingTalk's interface.
    throttle_codes = frozenset({130101, 90030, 410100})

    def sign(self) -> Mapping[str, str]:
        if self.secret is None:
            return {}
        now_ms = int(time.time() * 1000)
        return {"timestamp": str(now_ms), "sign": sign(self.secret, now_ms)}

    def write(self, title: str, text: str) -> dict[str, Any]:
        return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}


def sign(secret: str, timestamp_ms: int) -> str:
    """base64(HMAC-SHA256(secret, "timestamp\\nsecret")); the query encodes it again."""
    signed = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
