"""Bounds on what clients may send, and where the server listens."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from callqa_assets.domain.errors import CallqaError


class ServingError(CallqaError):
    """The server cannot start as asked; the message names the cure."""


@dataclass(frozen=True)
class Limits:
    """Bounds on requests."""

    max_request_bytes: int = 600 << 20
    """A hundred files of 5 MB, and more."""
    max_file_bytes: int = 200 << 20
    max_files: int = 100
    max_field_bytes: int = 64 << 10
    max_page: int = 200
    max_wait_s: float = 300.0
    read_timeout_s: float = 60.0
    """For the next piece of a body."""
    min_free_bytes: int = 1 << 30
    """Free space on the home's disk below which nothing is accepted."""


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`HOST:PORT`, `PORT`, or `[IPV6]:PORT`. Raises ServingError for anything else, and for an
    address that other machines could reach: there are no tokens that would keep them out."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ServingError(f"{text!r} is no address: write HOST:PORT, such as 127.0.0.1:8080")
    if not _is_loopback(host):
        raise ServingError(
            f"{host} can be reached from other machines, and this server knows no users yet: "
            "listen on 127.0.0.1, and put a reverse proxy that does in front of it"
        )
    return Address(host, int(port))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
