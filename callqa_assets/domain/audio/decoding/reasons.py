"""Decoders' error messages as parts of a reason."""

from __future__ import annotations

import re


def as_clause(message: str) -> str:
    """A library's error message as a clause: one line, without prefix, file or full stop."""
    line = " ".join(message.replace("Error :", "").split())
    return re.sub(r"^\[Errno \d+\] |: '[^']*'$", "", line).rstrip(".").strip() or "unknown error"
