"""The hash of a file's content: the identity of recordings and of model weights."""

from __future__ import annotations

import hashlib
from io import BufferedReader, FileIO
from pathlib import Path


def hash_content(path: Path) -> str:
    """SHA-256 hex of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hash_open(file)


def hash_open(file: FileIO | BufferedReader) -> str:
    """SHA-256 hex of what is left of an open file. Raises OSError."""
    return hashlib.file_digest(file, "sha256").hexdigest()
