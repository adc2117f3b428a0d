"""What the group robots of DingTalk, WeCom and Feishu share.

All three reply HTTP 200 whatever happened; only a code of 0 in the body says that the message was
accepted.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from resources.notifier.http import Poster, Reply
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.outcome import Outcome


@dataclass(frozen=True)
class RobotSender(ABC):
    """Sends to one robot."""

    poster: Poster
    writer: MessageWriter
    max_text_bytes: int

    code_keys: ClassVar[tuple[str, ...]]
    """Keys of the reply, one of which tells whether the message was accepted (0) or why not."""
    throttle_codes: ClassVar[frozenset[int]]

    @abstractmethod
    def write(self, title: str, text: str) -> dict[str, Any]:
        """The body of the request."""

    def sign(self) -> Mapping[str, str]:
        """What to add to the query."""
        return {}

    def send(self, message: Message) -> Outcome:
        title = self.writer.title(message)
        body = self.write(title, self.writer.markdown(message, self.max_text_bytes))
        reply = self.poster.post(
            json.dumps(body, ensure_ascii=False).encode(),
            {"content-type": "application/json; charset=utf-8"},
            self.sign(),
        )
        return self._interpret(reply) if isinstance(reply, Reply) else reply

    def _interpret(self, reply: Reply) -> Outcome:
        try:
            content = json.loads(reply.body)
            code = next(content[key] for key in self.code_keys if key in content)
        except (ValueError, TypeError, StopIteration):
            return Outcome("unknown", f"HTTP {reply.status} without a code for the message")
        if code == 0 and not isinstance(code, bool):
            return Outcome("accepted")
        text = content.get("errmsg") or content.get("msg") or content.get("StatusMessage") or ""
        error = self.poster.scrub(f"{self.code_keys[0]} {code}: {text}")
        if code in self.throttle_codes:
            return Outcome("throttled", error, pause_s=self.poster.pause_s)
        return Outcome("refused", error)
