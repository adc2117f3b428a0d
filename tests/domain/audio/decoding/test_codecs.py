"""What the manual says is read is read, and heard right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.domain.audio.decoding.codec_files import (
    CODEC_FILES,
    PAGE,
    CodecFile,
    is_heard_right,
    render_page,
)


@pytest.mark.parametrize("file", CODEC_FILES, ids=lambda file: file.name)
def test_every_container_and_codec_is_heard_right(file: CodecFile, tmp_path: Path) -> None:
    decoded = file.decode(tmp_path)
    assert is_heard_right(decoded)
    assert [note for note in decoded.notes if not note.startswith("no header: ")] == []


def test_the_manuals_table_is_what_is_decoded() -> None:
    page = PAGE.read_text("utf-8")
    assert render_page(page) == page, "python -m tests.domain.audio.decoding.codec_files"
