"""Where personal data stands in a text: kinds, and spans of characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal[
    "identity_card",
    "bank_card",
    "mobile",
    "landline",
    "number",
    "passport",
    "plate",
    "email",
    "code",
    "address",
    "name",
]
KINDS: tuple[Kind, ...] = (
    "identity_card",
    "bank_card",
    "mobile",
    "landline",
    "number",
    "passport",
    "plate",
    "email",
    "code",
    "address",
    "name",
)
"""`number`: 7 or more digits of which nothing more is known; `code`: of an SMS, a password."""

Confidence = Literal["high", "low"]
Part = Literal["whole", "first", "middle", "last"]


class Found(NamedTuple):
    """What a recogniser found, in characters of the text that it was given."""

    start: int
    end: int
    kind: Kind
    checked: bool = False
    """Its check digit is right."""
    confidence: Confidence = "high"


@dataclass(frozen=True)
class PiiSpan:
    """Personal data in one text."""

    start_char: int
    end_char: int
    kind: Kind
    checked: bool = False
    confidence: Confidence = "high"
    part: Part = "whole"
    """Of a number that is dictated over several texts: which part of it this text holds."""


PAUSE = "\x1e"
"""Separates consecutive texts of one channel; the recognisers treat it like a space."""
