"""File names as they may be shown: in notes, logs and on terminals."""

from __future__ import annotations

from callqa_assets.domain.pii.masking import mask_file_name

_MAX_CHARS = 120


def shown_name(name: str) -> str:
    """A file's name on one line of at most 120 characters, its long numbers masked.

    Line breaks, escape sequences, text that runs backwards and other invisible characters are
    written as escapes, so that a name can change neither a terminal nor what stands beside it.
    """
    visible = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in name
    )
    masked = mask_file_name(visible)
    if len(masked) <= _MAX_CHARS:
        return masked
    half = _MAX_CHARS // 2
    return f"{masked[:half]}…{masked[1 - half :]}"
