"""Values of sidecars and manifests, which are foreign input: made harmless and of bounded size."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True)
class MetadataLimits:
    """Bounds on foreign input, far above what phone platforms write."""

    max_text_chars: int = 200
    max_sidecar_bytes: int = 1_000_000
    max_manifest_bytes: int = 64_000_000
    max_manifest_rows: int = 200_000
    max_nesting: int = 8
    max_notes: int = 20


LIMITS = MetadataLimits()


def clean_text(text: str, limits: MetadataLimits = LIMITS) -> str:
    """Without control characters, lone surrogates and invisible formatting; truncated."""
    visible = "".join(c for c in text if not unicodedata.category(c).startswith("C"))
    return visible.strip()[: limits.max_text_chars]


def clean_json(value: object, limits: MetadataLimits, levels: int) -> object:
    """A value of JSON with `clean_text` throughout. ValueError where nested below `levels`."""
    if levels < 0:
        raise ValueError("nested too deep")
    if isinstance(value, str):
        return clean_text(value, limits)
    if isinstance(value, list):
        return [clean_json(item, limits, levels - 1) for item in cast(list[object], value)]
    if isinstance(value, dict):
        pairs = cast(dict[str, object], value).items()
        return {clean_text(k, limits): clean_json(v, limits, levels - 1) for k, v in pairs}
    return value


def unquoted(text: str) -> str:
    """A cell without what makes spreadsheets keep it as text: `="0138"`, `'0138`."""
    formula = re.fullmatch(r'="(.*)"', text)
    return formula[1] if formula else text.removeprefix("'")


def is_rounded_number(text: str) -> bool:
    """Whether it is what a spreadsheet makes of a long number: `1.38E+10`, digits lost."""
    return re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?[eE]\+?\d+", text) is not None
