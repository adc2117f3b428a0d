"""What a connection brings, in order: the call's facts, its sound, its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Started:
    """The call's facts, as a sidecar has them; empty where nothing is said of it."""

    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Audio:
    """Sound that follows what came before."""

    pcm: bytes
    """16-bit little-endian samples, channels interleaved; whole frames of all channels."""


@dataclass(frozen=True)
class Ended:
    """The sender says that the call is over."""


Event = Started | Audio | Ended
