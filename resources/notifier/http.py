"""One POST to a receiver, and what its HTTP status says. What a body says, `robots` knows."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from resources.notifier.outcome import Answer, Scrubber
from resources.notifier.receiver_config import HTTP_STEPS, ChannelUnusableError

_MAX_REPLY_BYTES = 65_536
_MAX_REST_S = 3600.0

_NEVER_REACHED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

# httpx logs each request with its URL, which for a robot holds the token.
logging.getLogger("httpx").addFilter(lambda record: False)


@dataclass(frozen=True)
class Reply:
    """A receiver's reply that came in full."""

    status: int
    body: bytes
    retry_after_s: float | None


class Poster:
    """Posts to one URL. Redirects are not followed: they would carry the message elsewhere."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        rest_s: float,
        ca_file: str | None,
        secrets: list[str],
    ) -> None:
        try:
            parsed = httpx.URL(url)
            urlsplit(url)  # the stricter of the two
        except (httpx.InvalidURL, ValueError):
            parsed = None
        if parsed is None or parsed.scheme not in ("http", "https") or not parsed.host:
            raise ChannelUnusableError("its URL is no http(s) URL: correct the variable")
        self._url = parsed
        self._scrubber = Scrubber([url, *secrets])
        self._timeout_s = timeout_s
        self.rest_s = rest_s
        # Once: reading the certificates takes longer than most requests.
        self._tls = open_tls(ca_file) if ca_file else httpx.create_ssl_context()

    def scrub(self, text: str) -> str:
        return self._scrubber.scrub(text)

    def post(
        self, body: bytes, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> Reply | Answer:
        """The reply where it says something of its own; an Answer where the status says it all."""
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
                        return Answer("unknown", "the reply is longer than any receiver's")
                    # httpx bounds each read; with one more of them the channel's lease still holds.
                    if time.monotonic() - started > (HTTP_STEPS - 1) * self._timeout_s:
                        return Answer("unknown", "the reply does not end")
                status, after = response.status_code, response.headers.get("retry-after", "")
        except _NEVER_REACHED as error:
            return Answer("refused", self._describe(error))
        except httpx.HTTPError as error:
            return Answer("unknown", self._describe(error))
        return self._judge(Reply(status, reply, float(after) if after.isdigit() else None))

    def _judge(self, reply: Reply) -> Reply | Answer:
        if 200 <= reply.status < 300:
            return reply
        error = f"HTTP {reply.status}"
        if reply.status in (429, 503):
            rest_s = self.rest_s if reply.retry_after_s is None else reply.retry_after_s
            return Answer("throttled", error, rest_s=min(rest_s, _MAX_REST_S))
        if reply.status == httpx.codes.GONE:
            return Answer("gone", error)
        # A gateway's 502 or 504 leaves open what the receiver behind it did.
        return Answer("unknown" if reply.status >= 500 else "refused", error)

    def _describe(self, error: httpx.HTTPError) -> str:
        return self.scrub(f"{type(error).__name__}: {error}")


def open_tls(ca_file: str) -> ssl.SSLContext:
    """A context that trusts the certificates of a file. Raises ChannelUnusableError."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ChannelUnusableError(
            f"`ca_file` {ca_file} cannot be read as certificates ({type(error).__name__}): name a "
            "PEM file"
        ) from None
