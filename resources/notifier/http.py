"""Receivers with a URL: one POST, and what its HTTP status means. Each receiver writes its body."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from resources.notifier.outcome import Outcome, Scrubber
from resources.notifier.receiver import Receiver, ReceiverUnusableError, VariableName

_MAX_REPLY_BYTES = 65_536
_MAX_PAUSE_S = 3600.0
_STEPS = 6
"""Connect, TLS, write, read the head, read the body, and one to spare."""

_NEVER_REACHED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

# httpx logs each request with its URL, which for a robot contains the token.
logging.getLogger("httpx").addFilter(lambda record: False)


@dataclass(frozen=True)
class Reply:
    """A receiver's complete reply."""

    status: int
    body: bytes
    retry_after_s: float | None


class HttpReceiver(Receiver):
    """A receiver with a URL."""

    url_env: VariableName
    """Environment variable that holds the full URL, including the token."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's."""

    @property
    def steps(self) -> int:
        return _STEPS

    def open_poster(self, secrets: Mapping[str, str]) -> Poster:
        """Raises ReceiverUnusableError where the URL or the certificates cannot be used."""
        return Poster(
            secrets[self.url_env],
            timeout_s=self.timeout_sec,
            pause_s=self.pause_sec,
            ca_file=self.ca_file,
            secrets=secrets.values(),
        )


class Poster:
    """Posts to one URL. Redirects are not followed: they would carry the message elsewhere."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        pause_s: float,
        ca_file: Path | None,
        secrets: Iterable[str],
    ) -> None:
        try:
            parsed = httpx.URL(url)
            urlsplit(url)  # the stricter of the two
        except (httpx.InvalidURL, ValueError):
            parsed = None
        if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
            raise ReceiverUnusableError("its URL is not an http(s) URL: correct the variable")
        self._url = parsed
        self._scrubber = Scrubber([url, *secrets])
        self._timeout_s = timeout_s
        self.pause_s = pause_s
        # Once: reading the certificates takes longer than most requests.
        self._tls = open_tls(ca_file) if ca_file else httpx.create_ssl_context()

    def scrub(self, text: str) -> str:
        return self._scrubber.scrub(text)

    def post(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Reply | Outcome:
        """The reply where its body matters; an Outcome where the status decides."""
        url = self._url.copy_merge_params(query) if query else self._url
        started = time.monotonic()
        try:
            with (
                httpx.Client(timeout=self._timeout_s, verify=self._tls) as client,
                client.stream("POST", url, content=body, headers=dict(headers)) as response,
            ):
                reply = b""
                for chunk in response.iter_bytes():
                    reply += chunk
                    if len(reply) > _MAX_REPLY_BYTES:
                        return Outcome("unknown", "the reply is too long")
                    # httpx bounds each read; with one more of them the lease still holds.
                    if time.monotonic() - started > (_STEPS - 1) * self._timeout_s:
                        return Outcome("unknown", "the reply does not end")
                status, after = response.status_code, response.headers.get("retry-after", "")
        except _NEVER_REACHED as error:
            return Outcome("refused", self._describe(error))
        except httpx.HTTPError as error:
            return Outcome("unknown", self._describe(error))
        return self._interpret(Reply(status, reply, float(after) if after.isdigit() else None))

    def _interpret(self, reply: Reply) -> Reply | Outcome:
        if 200 <= reply.status < 300:
            return reply
        error = f"HTTP {reply.status}"
        if reply.status in (429, 503):
            pause_s = self.pause_s if reply.retry_after_s is None else reply.retry_after_s
            return Outcome("throttled", error, pause_s=min(pause_s, _MAX_PAUSE_S))
        if reply.status == httpx.codes.GONE:
            return Outcome("gone", error)
        # A gateway's 502 or 504 leaves open what the receiver behind it did.
        return Outcome("unknown" if reply.status >= 500 else "refused", error)

    def _describe(self, error: httpx.HTTPError) -> str:
        return self.scrub(f"{type(error).__name__}: {error}")


def open_tls(ca_file: Path) -> ssl.SSLContext:
    """A context that trusts the certificates of a file. Raises ReceiverUnusableError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ReceiverUnusableError(
            f"`ca_file` {ca_file} cannot be read as certificates ({type(error).__name__}): name a "
            "PEM file"
        ) from None
