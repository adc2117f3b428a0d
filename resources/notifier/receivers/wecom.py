"""WeCom: a group robot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from callqa_assets.domain.alerts.rate_limit import Limit
from resources.notifier.http import HttpReceiver
from resources.notifier.messages import MessageWriter
from resources.notifier.receivers.robots import RobotSender


class WeComReceiver(HttpReceiver):
    """At most 20 messages per minute, of 4,096 bytes each."""

    type: Literal["wecom"]
    limits: tuple[Limit, ...] = (Limit(messages=20, per_sec=60),)

    max_text_bytes = 4_000

    def open(self, secrets: Mapping[str, str], writer: MessageWriter) -> WeComSender:
        return WeComSender(
            poster=self.open_poster(secrets), writer=writer, max_text_bytes=self.max_text_bytes
        )


class WeComSender(RobotSender):
    code_keys = ("errcode",)
    throttle_codes = frozenset({45009})

    def write(self, title: str, text: str) -> dict[str, Any]:
        return {"msgtype": "markdown", "markdown": {"content": text}}
