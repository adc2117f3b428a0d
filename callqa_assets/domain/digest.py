"""Hashes of JSON-serialisable values, for versions and fingerprints."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(*parts: Any) -> str:
    """`hash_json` of the list of parts."""
    return hash_json(parts)


def hash_json(value: Any) -> str:
    """SHA-256 hex of a value's canonical JSON; key order and spacing do not matter."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
