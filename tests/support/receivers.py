"""Real receivers on loopback: a webhook, the three robots, an SMTP server with STARTTLS.

Each checks what it gets the way the real one does, notes when it accepted what, and can be made to
fail in the ways in which receivers fail.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook

SECRETS = {
    "webhook": "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode(),
    "dingtalk": "SEC0123456789abcdef",
    "feishu": "feishu-signing-secret",
}
TOKEN = "token-0a1b2c3d4e5f"

Reply = tuple[int, dict[str, Any], dict[str, str]]
"""HTTP status, JSON body, headers."""


@dataclass
class Received:
    """One request that came in whole."""

    at: float
    """Of the receiver's own clock, s."""
    body: dict[str, Any]
    headers: dict[str, str]
    accepted: bool


@dataclass
class HttpReceiver:
    """A webhook or robot. `fail` may answer for it: a Reply, 'hang', 'reset', 'drip' (an answer
    that never ends) or None (no fault).

    With 'lost' it accepts the message, and its reply does not arrive.
    """

    kind: str
    limit: tuple[int, float] | None = None
    """Messages and seconds: over it, it answers as the real robot does."""
    fail: Callable[[int], Reply | str | None] = lambda number: None
    received: list[Received] = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _arrivals: list[float] = field(default_factory=list)

    def answer(self, path: str, headers: dict[str, str], raw: bytes) -> Reply | str:
        at = time.monotonic()
        with self._lock:
            number = len(self._arrivals)
            self._arrivals.append(at)
            body = json.loads(raw)
            fault = self.fail(number)
            reply = self._check(at, path, headers, raw, body) if fault in (None, "lost") else fault
            accepted = not isinstance(reply, str) and reply[0] < 300 and not _code(reply[1])
            self.received.append(Received(at, body, headers, accepted))
        return "reset" if fault == "lost" else reply

    @property
    def accepted(self) -> list[Received]:
        return [r for r in self.received if r.accepted]

    def busiest(self, seconds: float) -> int:
        """The most requests within any period of so many seconds, failed ones included."""
        times = self._arrivals
        return max(
            (sum(start <= other < start + seconds for other in times) for start in times), default=0
        )

    def _check(
        self, at: float, path: str, headers: dict[str, str], raw: bytes, body: dict[str, Any]
    ) -> Reply:
        if self.limit is not None:
            messages, seconds = self.limit
            if sum(at - seconds < other for other in self._arrivals) > messages:
                return _TOO_MANY[self.kind]
        return getattr(self, f"_check_{self.kind}")(path, headers, raw, body)

    def _check_webhook(self, path, headers, raw, body) -> Reply:
        Webhook(SECRETS["webhook"]).verify(raw, headers)
        return 200, {}, {}

    def _check_dingtalk(self, path, headers, raw, body) -> Reply:
        query = {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}
        if query["access_token"] != TOKEN:
            return 200, {"errcode": 300001, "errmsg": "token is not exist"}, {}
        signed = f"{query['timestamp']}\n{SECRETS['dingtalk']}"
        digest = hmac.new(SECRETS["dingtalk"].encode(), signed.encode(), hashlib.sha256).digest()
        fresh = abs(time.time() * 1000 - int(query["timestamp"])) < 3_600_000
        if not fresh or query["sign"] != base64.b64encode(digest).decode():
            return 200, {"errcode": 310000, "errmsg": "sign not match"}, {}
        assert body["markdown"]["title"]
        assert body["markdown"]["text"]
        return 200, {"errcode": 0, "errmsg": "ok"}, {}

    def _check_wecom(self, path, headers, raw, body) -> Reply:
        content = body["markdown"]["content"].encode()
        if len(content) > 4096:
            return 200, {"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"}, {}
        return 200, {"errcode": 0, "errmsg": "ok"}, {}

    def _check_feishu(self, path, headers, raw, body) -> Reply:
        key = f"{body['timestamp']}\n{SECRETS['feishu']}".encode()
        sign = base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
        if body["sign"] != sign:
            return 200, {"code": 19021, "msg": "sign match fail"}, {}
        if len(raw) > 20 * 1024:
            return 200, {"code": 9499, "msg": "Bad Request"}, {}
        return 200, {"code": 0, "msg": "success", "data": {}}, {}


_TOO_MANY: dict[str, Reply] = {
    "webhook": (429, {}, {"Retry-After": "2"}),
    "dingtalk": (200, {"errcode": 130101, "errmsg": "send too fast"}, {}),
    "wecom": (200, {"errcode": 45009, "errmsg": "api freq out of limit"}, {}),
    "feishu": (200, {"code": 11232, "msg": "frequency limited"}, {}),
}


def _code(body: dict[str, Any]) -> int:
    return body.get("errcode", body.get("code", 0))


class _Handler(BaseHTTPRequestHandler):
    receiver: HttpReceiver

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        headers = {k.lower(): v for k, v in self.headers.items()}
        reply = self.receiver.answer(self.path, headers, raw)
        if reply == "hang":
            self.server.let_go.wait(20)  # type: ignore[attr-defined]
            return
        if reply == "drip":
            self.send_response(200)
            self.end_headers()
            while not self.server.let_go.wait(0.05):  # type: ignore[attr-defined]
                self.wfile.write(b" ")
            return
        if reply == "reset":
            linger = struct.pack("ii", 1, 0)  # close with RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        assert not isinstance(reply, str)
        status, body, extra = reply
        text = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"content-length": str(len(text)), **extra}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a killed client, or a socket that the test reset


@contextmanager
def serve(receiver: HttpReceiver) -> Iterator[HttpReceiver]:
    """Run a receiver on a port of its own; its URL carries a token where the real one does."""
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = _Server(("127.0.0.1", 0), handler)
    server.let_go = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/robot/send?access_token={TOKEN}"
    try:
        yield receiver
    finally:
        server.let_go.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailReceiver:
    """What an SMTP server accepted; `refuse` replies for a recipient, or for DATA (None)."""

    refuse: Callable[[str | None], str | None] = lambda recipient: None
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    port: int = 0
    implicit_tls: bool = False
    """Encrypted from the first byte, instead of by STARTTLS."""

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: N802
        if said := self.refuse(address):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        assert session.ssl is not None or self.implicit_tls
        if said := self.refuse(None):
            return said
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((list(envelope.rcpt_tos), mail))  # type: ignore[arg-type]
        return "250 OK"


PASSWORD = "mail-password-9f8e7d"


def _login(server, session, envelope, mechanism, data) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


@contextmanager
def serve_mail(receiver: MailReceiver, certificate: Path) -> Iterator[MailReceiver]:
    """Run an SMTP server that accepts mail from nobody without encryption and the password."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    controller = Controller(
        receiver,
        hostname="127.0.0.1",
        port=_free_port(),
        ssl_context=tls if receiver.implicit_tls else None,
        tls_context=None if receiver.implicit_tls else tls,
        require_starttls=not receiver.implicit_tls,
        auth_required=True,
        auth_require_tls=not receiver.implicit_tls,
        authenticator=_login,
    )
    controller.start()
    receiver.port = controller.port
    try:
        yield receiver
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_certificate(path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
