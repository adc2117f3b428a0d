"""What became of one attempt, by the receiver's own reply and without our secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

_MAX_ERROR_CHARACTERS = 300
_SECRET_CHARACTERS = 6
"""Shorter parts of a URL are not tokens."""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt.

    - `accepted`: the receiver said so.
    - `refused`: it said no, or was never reached. It does not have the message.
    - `unknown`: sent, but no reply or no clear one came back. A repeat must be identical.
    - `throttled`: refused because of too many messages; send nothing for `pause_s`.
    - `gone`: the receiver wants no more, ever (HTTP 410).
    """

    verdict: Literal["accepted", "refused", "unknown", "throttled", "gone"]
    error: str | None = None
    """Without secrets; None where accepted."""
    pause_s: float = 0.0
    accepted_by: frozenset[str] = frozenset()
    """E-mail: the recipients who have it, earlier attempts included."""


class Scrubber:
    """Removes secrets from texts that are stored, logged or shown."""

    def __init__(self, secrets: Iterable[str]) -> None:
        parts: set[str] = set()
        for secret in secrets:
            parts.update(_parts(secret))
        # Longest first, so that no part of one remains.
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
