"""Numbers of persons and accounts: runs of digits, and what kind of number each is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from callqa_assets.domain.pii.check_digits import (
    has_identity_shape,
    is_bank_card,
    is_identity_card,
)
from callqa_assets.domain.pii.digits import (
    DIGIT,
    MISHEARD_ONES,
    Group,
    find_last_x,
    groups_of,
    spoken_run,
    value_of,
)
from callqa_assets.domain.pii.spans import PAUSE, Found, Kind

MIN_DIGITS = 7
"""Shorter runs are amounts, dates and hotlines (95588); the shortest phone number has 7."""

_RUN = re.compile(spoken_run(3), re.IGNORECASE)
"""Three tokens at least: 138四个0四个8 are five, and eleven digits."""

_GROUP_END = rf"[^\w{PAUSE}]{{0,8}}_?"
_MOBILE = re.compile(
    rf"(?<!{DIGIT})(?:(?:[+＋]|[0０]{{2}})?[8８][6６][\s\-－]*)?"
    rf"({DIGIT}{{3}}{_GROUP_END}{DIGIT}{{4}}{_GROUP_END}{DIGIT}{{4}})(?!{DIGIT})"
)
"""Grouped 3, 4, 4, with more separators than a run may have (138:0013:8000)."""

_IDENTITY_CARD = re.compile(r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")

_ONES = frozenset(MISHEARD_ONES)
_LATIN = re.compile(r"[0-9A-Za-z]")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d\d)[2-9]\d{6,7}")
_MOBILE_DIGITS = re.compile(r"(?:00)?(?:86)?(1[3-9]\d{9})|0(1[3-9]\d{9})")

_CURRENCY = "[美欧港日澳台]元|元(?![旦宵素件首])|圆|块(?!头)|美金|欧|港币|英镑|人民币|RMB|CNY|USD"
_AMOUNT = re.compile(
    rf"(?<!{DIGIT})"
    rf"(?:(?P<sign>[¥￥$＄€£]|人民币|RMB|CNY|USD)\s?)?"
    rf"(?P<whole>[1-9１-９]{DIGIT}{{0,2}}(?:[,，]{DIGIT}{{3}})+|(?![0０零〇]{DIGIT}){DIGIT}{{1,12}})"
    rf"(?!{DIGIT})(?:[.．点]{DIGIT}{{1,4}}(?!{DIGIT}))?"
    rf"(?P<unit>\s?(?:(?:[十百千万亿]{{0,3}}(?:{_CURRENCY}))|[万亿]))?",
    re.IGNORECASE,
)

_ENDS_WITH_GROUP = re.compile(rf"(?<!{DIGIT}){DIGIT}{{2,7}}[\s\-－.．,，]\Z")
"""The amount is the last group of a number that is dictated in groups."""


def find_amounts(text: str) -> list[tuple[int, int]]:
    """Amounts of money, which identify nobody. What may be a mobile number is none."""
    return [
        found.span()
        for found in _AMOUNT.finditer(text)
        if (found["sign"] or found["unit"])
        and not (len(found["whole"]) == 11 and _begins_mobile(found["whole"]))
        and not _ENDS_WITH_GROUP.search(text, max(0, found.start() - 9), found.start())
    ]


def find_numbers(text: str) -> list[Found]:
    """Every run of 7 or more digits, by what it is; `text` without what is known already."""
    found: list[Found] = []
    for run in _RUN.finditer(text):
        if run.end() - run.start() < MIN_DIGITS and "个" not in run.group():
            continue  # as most are: prices and years
        groups = groups_of(text, *run.span())
        if sum(len(group.digits) for group in groups) < MIN_DIGITS:
            continue
        end_of_x = find_last_x(text, run.end())
        found += _classify(text, groups, end_of_x)
    taken = _blank(text, found)
    found += [
        Found(*number.span(1), "mobile")
        for number in _MOBILE.finditer(taken)
        if _begins_mobile(number[1])
    ]
    return found


def find_in_identifier(text: str) -> list[Found]:
    """Mobile and identity-card numbers in a name or id, whose other digits are its own."""
    cards = [Found(*card.span(), "identity_card") for card in _IDENTITY_CARD.finditer(text)]
    mobiles = (n for n in _MOBILE.finditer(_blank(text, cards)) if _begins_mobile(n[1]))
    return [*cards, *(Found(*number.span(1), "mobile") for number in mobiles)]


def _begins_mobile(said: str) -> bool:
    first, second = value_of(said[0]), value_of(said[1])
    return first == "1" and second >= "3"


def _blank(text: str, found: Sequence[Found]) -> str:
    for one in found:
        text = f"{text[: one.start]}{BLANK * (one.end - one.start)}{text[one.end :]}"
    return text


_MOST_GROUPS = 7
"""19 digits in groups of three or more."""
_LEAST_BEFORE_X = 15
"""Digits of an identity card of which two were not heard."""

BLANK = "\x00"
"""Stands for characters that are known to be something: no recogniser goes over it."""


def _classify(text: str, groups: Sequence[Group], end_of_x: int | None) -> Iterator[Found]:
    """A run as one number, or as the numbers in it; what is left over is a number, too.

    Whoever dictates begins again, corrects and adds: nothing of the run is left uncovered.
    """
    if end_of_x is not None and len(_join(groups)) >= _LEAST_BEFORE_X:
        last = groups[-1]
        groups = [*groups[:-1], Group(last.start, end_of_x, f"{last.digits}X")]
    groups = _with_misheard_one(text, groups)
    whole = _kind_of(text, groups)
    if whole is not None:
        yield whole
        return
    left: list[Group] = []
    at = 0
    while at < len(groups):
        for stop in range(min(len(groups), at + _MOST_GROUPS), at, -1):
            part = groups[at:stop]
            known = _kind_of(text, part) if _may_be_a_number(part, is_first=at == 0) else None
            if known is not None:
                if left:
                    yield Found(left[0].start, left[-1].end, "number")
                    left = []
                yield known
                at = stop
                break
        else:
            left.append(groups[at])
            at += 1
    if left:
        yield Found(left[0].start, left[-1].end, "number")


def _with_misheard_one(text: str, groups: Sequence[Group]) -> Sequence[Group]:
    """With the 要 before or after the run that was a 幺, where that completes a number."""
    first, last = groups[0], groups[-1]
    digits = _join(groups)
    if text[first.start - 1 : first.start] in _ONES and _MOBILE_DIGITS.fullmatch(f"1{digits}"):
        return [Group(first.start - 1, first.end, f"1{first.digits}"), *groups[1:]]
    if text[last.end : last.end + 1] in _ONES and _is_complete(f"{digits}1"):
        return [*groups[:-1], Group(last.start, last.end + 1, f"{last.digits}1")]
    return groups


def _is_complete(digits: str) -> bool:
    return (
        len(digits) in _CARD_LENGTHS
        or is_bank_card(digits)
        or _MOBILE_DIGITS.fullmatch(digits) is not None
        or _LANDLINE.fullmatch(digits) is not None
    )


_CARD_LENGTHS = (16, 18, 19)


def _is_mobile(group: Group) -> bool:
    return len(group.digits) == 11 and _MOBILE_DIGITS.fullmatch(group.digits) is not None


def _may_be_a_number(groups: Sequence[Group], *, is_first: bool) -> bool:
    """Not every cut through a long run is one: people pause after three digits or more, and an
    inner group that begins with 0 is no area code."""
    return all(len(group.digits) >= 3 for group in groups) and (
        is_first or len(groups) == 1 or not groups[0].digits.startswith("0")
    )


def _join(groups: Sequence[Group]) -> str:
    return "".join(group.digits for group in groups)


def _kind_of(text: str, groups: Sequence[Group]) -> Found | None:
    """What groups of digits are as a whole; None: nothing that is known."""
    # By chance one in ten numbers joined to another passes for a bank card.
    if len(groups) > 1 and any(_is_mobile(group) for group in groups):
        return None
    digits, start, end = _join(groups), groups[0].start, groups[-1].end
    mobile = _MOBILE_DIGITS.fullmatch(digits)
    if mobile is not None:
        # What stands before it (+86, 0) says nothing.
        begin = start if len(digits) == 11 else _start_of_last(text, start, end, 11)
        return Found(begin, end, "mobile")
    beside_latin = _LATIN.match(text[start - 1 : start]) or _LATIN.match(text[end : end + 1])
    if beside_latin:  # part of an order's or a ticket's number
        return None
    kind: Kind | None = None
    checked = False
    if is_identity_card(digits):
        kind, checked = "identity_card", True
    elif is_bank_card(digits):
        kind, checked = "bank_card", True
    elif has_identity_shape(digits):
        kind = "identity_card"
    elif _LANDLINE.fullmatch(digits):
        kind = "landline"
    return None if kind is None else Found(start, end, kind, checked)


def _start_of_last(text: str, start: int, end: int, count: int) -> int:
    """Where the last `count` digits of a run begin."""
    total = 0
    for group in reversed(groups_of(text, start, end)):
        total += len(group.digits)
        if total == count:
            return group.start
        if total > count and len(group.digits) == group.end - group.start:
            return group.start + total - count
    return start
