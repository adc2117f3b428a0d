"""Slips of a Chinese keyboard in YAML: full-width signs where YAML knows only plain ones.

YAML takes them for letters, so that its own errors name another line and another cause. Part of
`yaml_config`, which asks only about files that cannot be used: in others the signs may be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_KEY = r"([A-Za-z_]\w{1,29})"
"""No longer: in the files whose values are hidden, what is longer may be a secret."""

_SLIPS = (
    (
        re.compile(rf"(?:^\s*(?:[-－—–]\s+)*|[{{,，]\s*){_KEY}："),
        "`{}：` ends in a full-width colon; write `{}: `",
    ),
    # Names of channels and queues: any script, but a block must follow.
    (
        re.compile(r"^\s+(\w{1,30})：\s*(?:\{.*)?$"),
        "`{}：` ends in a full-width colon; write `{}: `",
    ),
    (
        re.compile(rf"^\s*(?:- +)*{_KEY}:(?=[^\s/:])"),
        "no space after `{}:`; write `{}: `",
    ),
    (
        re.compile(r"^[ \t]*\u3000"),
        "indented by a full-width space; indent by plain spaces",
    ),
    (
        re.compile(r"^\s*[－—–]\s+\S"),
        "a list entry begins with a full-width or long dash; write `- `",
    ),
    (
        re.compile(r"(?::\s|：)\s*[［｛【]"),
        "a full-width bracket; write `[ ]` or `{{ }}`",
    ),
)
_LIST_SIGNS = re.compile(r"[，、；“”‘’「」［］【】]")


def find_slips(text: str) -> Iterator[tuple[int, str]]:
    """Line (from 1), and cause and cure, of what looks like a slip; comments are left out."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for slip, problem in _SLIPS:
            if found := slip.search(line):
                yield number, problem.format(*found.groups() * 2)
                break


def advise(given: object) -> str:
    """The end of a message about a value that holds full-width signs, else ''."""
    if not isinstance(given, str) or not _LIST_SIGNS.search(given):
        return ""
    return '; full-width commas, quotes and brackets are part of a value: write `,`, `"` and `[ ]`'
