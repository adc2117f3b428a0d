"""What became of one attempt, in the receiver's own words and without our secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

from resources.notifier.messages import Message

_MAX_ERROR_CHARACTERS = 300
_SECRET_CHARACTERS = 6
"""Parts of a URL that are shorter are no token."""


@dataclass(frozen=True)
class Answer:
    """The outcome of one attempt.

    - `taken`: the receiver said so.
    - `refused`: it said no, or was never reached. It does not have the message.
    - `unknown`: it was sent, and no word or no clear one came back. A repeat must be the same.
    - `throttled`: refused because of too many; the channel rests for `rest_s`.
    - `gone`: the receiver wants no more, ever (HTTP 410).
    """

    verdict: Literal["taken", "refused", "unknown", "throttled", "gone"]
    error: str | None = None
    """Scrubbed; None where taken."""
    rest_s: float = 0.0
    accepted_by: frozenset[str] = frozenset()
    """E-mail: the recipients who have it, earlier attempts included."""


class Sender(Protocol):
    """One channel, ready to send."""

    def send(self, message: Message) -> Answer:
        """Make one attempt, within the channel's `lease`. Raises nothing that a receiver causes."""
        ...


class Scrubber:
    """Removes secrets from texts that are stored, logged or shown."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts: set[str] = set()
        for secret in secrets:
            parts.update(_parts(secret))
        # Longest first, so that no rest of one stays.
        self._parts = sorted(parts, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """One short line without any secret in it."""
        for part in self._parts:
            text = text.replace(part, "***")
        return " ".join(text.split())[:_MAX_ERROR_CHARACTERS]


def _parts(secret: str) -> set[str]:
    """The secret, and for a URL also its path, query and their longer pieces."""
    parts = {secret}
    if "://" in secret:
        url = urlsplit(secret)
        target = url.path + (f"?{url.query}" if url.query else "")
        pieces = [target, url.query, url.password or "", url.username or ""]
        pieces += url.path.split("/")
        pieces += [value for _, value in parse_qsl(url.query)]
        pieces += [value.partition("=")[2] for value in url.query.split("&")]
        parts.update(piece for piece in pieces if len(piece) >= _SECRET_CHARACTERS)
    return parts
