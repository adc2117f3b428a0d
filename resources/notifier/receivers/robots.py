"""Group robots of DingTalk, WeCom and Feishu: how each signs, and what its answer means.

All three answer HTTP 200 whatever happened; only a code of 0 in the body says that the message
was taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from resources.notifier.http import Poster, Reply
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Answer


def sign_dingtalk(secret: str, timestamp_ms: int) -> str:
    """base64(HMAC-SHA256(secret, "timestamp\\nsecret")); the query encodes it once more."""
    signed = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()


def sign_feishu(secret: str, timestamp_s: int) -> str:
    """base64(HMAC-SHA256("timestamp\\nsecret", "")): the text to sign is the key."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.digest(key, b"", hashlib.sha256)).decode()


@dataclass(frozen=True)
class Robot(ABC):
    """One robot, ready to send."""

    poster: Poster
    writer: MessageWriter
    max_text_bytes: int
    secret: str | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.time

    code_keys: ClassVar[tuple[str, ...]]
    """Where the reply says whether the message was taken."""
    throttle_codes: ClassVar[frozenset[int]]

    @abstractmethod
    def write(self, title: str, text: str) -> dict[str, Any]:
        """The body of the request."""

    def sign(self) -> Mapping[str, str]:
        """What to add to the query."""
        return {}

    def send(self, message: Message) -> Answer:
        title = self.writer.title(message.alerts)
        body = self.write(title, self.writer.markdown(message, self.max_text_bytes))
        answer = self.poster.post(
            json.dumps(body, ensure_ascii=False).encode(),
            {"content-type": "application/json; charset=utf-8"},
            self.sign(),
        )
        return self._judge(answer) if isinstance(answer, Reply) else answer

    def _judge(self, reply: Reply) -> Answer:
        try:
            said = json.loads(reply.body)
            code = next(said[key] for key in self.code_keys if key in said)
        except (ValueError, TypeError, StopIteration):
            return Answer("unknown", f"HTTP {reply.status} without a word on the message")
        if code == 0 and not isinstance(code, bool):
            return Answer("taken")
        words = said.get("errmsg") or said.get("msg") or said.get("StatusMessage") or ""
        error = self.poster.scrub(f"{self.code_keys[0]} {code}: {words}")
        if code in self.throttle_codes:
            return Answer("throttled", error, rest_s=self.poster.rest_s)
        return Answer("refused", error)


class DingTalkRobot(Robot):
    code_keys = ("errcode",)
    # All of them mean "sent too fast", in different ages of DingTalk's interface.
    throttle_codes = frozenset({130101, 90030, 410100})

    def sign(self) -> Mapping[str, str]:
        if self.secret is None:
            return {}
        now_ms = int(self.clock() * 1000)
        return {"timestamp": str(now_ms), "sign": sign_dingtalk(self.secret, now_ms)}

    def write(self, title: str, text: str) -> dict[str, Any]:
        return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}


class WeComRobot(Robot):
    code_keys = ("errcode",)
    throttle_codes = frozenset({45009})

    def write(self, title: str, text: str) -> dict[str, Any]:
        return {"msgtype": "markdown", "markdown": {"content": text}}


class FeishuRobot(Robot):
    # Older robots answer with StatusCode where they have taken a message.
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
            now_s = int(self.clock())
            body |= {"timestamp": str(now_s), "sign": sign_feishu(self.secret, now_s)}
        return body
