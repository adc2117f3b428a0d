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


def mask_numbers(name: str) -> str:
    """A file name for logs: runs of 7 or more digits, such as phone numbers, lose their middle."""
    return _MASKED.sub(lambda found: f"{found[0][:3]}…{found[0][-2:]}", name)


_MASKED = re.compile(
    r"1[3-9]\d([ _.-]?)\d{4}\1\d{4}(?!\d)"  # a mobile number in groups
    r"|(?<!\d)0\d{2,3}[ _.-]\d{3,4}[ _.-]?\d{4}(?!\d)"  # a fixed line
    r"|\d{7,}"
)
