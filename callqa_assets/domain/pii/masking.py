"""Text without personal data: what every message, mart, export and page shows.

What is harmless stays: the last four digits of a number, the first three of a mobile number, a
surname, a first letter, the region of an address. The tables of transcripts keep all of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from callqa_assets.domain.pii.addresses import REGION
from callqa_assets.domain.pii.digits import INVISIBLE, shown_digits
from callqa_assets.domain.pii.names import mask_name
from callqa_assets.domain.pii.numbers import MIN_DIGITS, find_in_identifier
from callqa_assets.domain.pii.recognise import find_pii
from callqa_assets.domain.pii.spans import PiiSpan

_MASK = "****"
_SHOWN_LAST = 4
_SHOWN_FIRST = 3
"""Of a mobile number: the network."""


def mask_text(text: str) -> str:
    """A transcript with everything masked that `find_pii` finds in it.

    Characters that nobody sees are left out.
    """
    return mask_texts([text])[0]


def mask_texts(texts: Sequence[str]) -> list[str]:
    """`mask_text` of consecutive texts of one channel: a number may continue after a pause."""
    return [mask_spans(text, spans) for text, spans in zip(texts, find_pii(texts), strict=True)]


def mask_identifier(text: str) -> str:
    """A name or id with mobile and identity-card numbers masked; other digits are kept.

    `13800138000` becomes `138****8000`. Characters that nobody sees are left out.
    """
    visible = INVISIBLE.sub("", text)
    return mask_spans(
        visible,
        [PiiSpan(one.start, one.end, one.kind) for one in sorted(find_in_identifier(visible))],
    )


def mask_file_name(name: str) -> str:
    """A file name for logs: runs of 7 or more digits, such as phone numbers, lose their middle.

    Fields of names stay apart (`20250314-093012_1001`), and what is left still tells two files of a
    day from each other.
    """
    return _LONG_NUMBER.sub(lambda found: f"{found[0][:3]}…{found[0][-2:]}", name)


_LONG_NUMBER = re.compile(
    r"1[3-9]\d([ _.-]?)\d{4}\1\d{4}(?!\d)"  # a mobile number in groups
    r"|(?<!\d)0\d{2,3}[ _.-]\d{3,4}[ _.-]?\d{4}(?!\d)"  # a fixed line
    r"|\d{7,}"
)


def mask_spans(text: str, spans: Sequence[PiiSpan]) -> str:
    """The text with these spans of it masked, as `find_pii` or the table `pii_spans` names them.

    Of a span that overlaps another one, only what lies behind that one counts.
    """
    pieces: list[str] = []
    at = 0
    for span in sorted(spans, key=lambda span: (span.start_char, span.end_char)):
        start, end = max(at, span.start_char), min(span.end_char, len(text))
        if start < end:
            pieces += INVISIBLE.sub("", text[at:start]), _mask(text[start:end], span)
            at = end
    return "".join([*pieces, INVISIBLE.sub("", text[at:])])


def _mask(said: str, span: PiiSpan) -> str:
    match span.kind:
        case "name":
            return mask_name(said)
        case "email":
            return f"{said[0]}***@…"
        case "address":
            regions = list(REGION.finditer(said)) if span.part in ("whole", "first") else []
            return f"{said[: regions[-1].end()] if regions else ''}{_MASK}"
        case "plate":
            return f"{said[:2]}{_MASK}"
        case "code":
            return _MASK
        case _:
            return _mask_number(said, span)


def _mask_number(said: str, span: PiiSpan) -> str:
    """What may be seen of a number, or of the part of it that this text holds."""
    digits = shown_digits(said)
    if digits is None:
        return _MASK
    is_short = span.part == "whole" and len(digits) < MIN_DIGITS
    begins, ends = span.part in ("whole", "first"), span.part in ("whole", "last")
    first = digits[:_SHOWN_FIRST] if span.kind == "mobile" and begins and not is_short else []
    last = digits[-_SHOWN_LAST:] if ends and not is_short else []
    return f"{''.join(first)}{_MASK}{''.join(last)}"
