"""What import-linter cannot see: who reads files, who writes rows, who reads the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
MODULES = [
    path for package in ("callqa_assets", "resources") for path in (REPO / package).rglob("*.py")
]


def calls_in(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every call of a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def find_calls(names: tuple[str, ...], within: str, *, inside: bool) -> list[str]:
    """Places that call one of the names, inside a folder or outside of it."""
    return [
        f"{path.relative_to(REPO)}:{line}: {called}"
        for path in MODULES
        if path.is_relative_to(REPO / within) is inside
        for line, called in calls_in(path)
        if called in names or called.rpartition(".")[2] in names
    ]


@pytest.mark.parametrize(
    ("promise", "names", "within", "inside"),
    [
        (
            "the domain reads and writes no file",
            ("open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob"),
            "callqa_assets/domain",
            True,
        ),
        (
            "only the warehouse writes rows",
            ("sa.insert", "sa.update", "sa.delete"),
            "callqa_assets/warehouse",
            False,
        ),
    ],
)
def test_a_layer_keeps_to_its_own(promise, names, within, inside):
    found = find_calls(names, within, inside=inside)
    # FFmpeg's and soundfile's `open` take a file that is open already.
    found = [place for place in found if not place.endswith(": av.open")]
    assert not found, f"{promise}: {found}"


def test_only_the_settings_read_the_environment():
    found = [
        str(path.relative_to(REPO))
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv")
    ]
    assert set(found) == {"resources/settings.py"}
