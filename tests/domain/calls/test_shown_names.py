"""File names in notes: one line, no secrets, nothing that a terminal obeys."""

from __future__ import annotations

import pytest

from callqa_assets.domain.calls.shown_names import shown_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("2025/退费专线.wav", "2025/退费专线.wav"),
        ("new\nline\r.wav", r"new\nline\r.wav"),
        ("\x1b[31mred\x1b]0;title\x07.wav", r"\x1b[31mred\x1b]0;title\x07.wav"),
        ("\u202egpj.wav", r"\u202egpj.wav"),
        ("zero\u200bwidth.wav", r"zero\u200bwidth.wav"),
        ("a 13800138000.wav", "a 138…00.wav"),
    ],
)
def test_a_name_is_shown_on_one_line_without_what_is_invisible(name, shown):
    assert shown_name(name) == shown


def test_a_long_name_shows_its_beginning_and_its_end():
    shown = shown_name("a" * 300 + ".wav")
    assert len(shown) == 120
    assert (shown[:3], shown[-4:]) == ("aaa", ".wav")
