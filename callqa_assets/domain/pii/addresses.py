"""Postal addresses by the grammar of their levels: two levels or more, and a number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callqa_assets.domain.pii.digits import DIGITS
from callqa_assets.domain.pii.spans import PAUSE, Found

_NEVER_IN_NAMES = "我你您他她它们的了在到住是就给请把送寄这跟吗呢啊说问要想很也没不还可以去哪怎么什"
"""A place's name has none of them; they end what stands before an address."""
_HAN = rf"(?:(?![{_NEVER_IN_NAMES}])[\u4e00-\u9fff])"
_MAX_SEPARATORS = 2
_SEPARATOR = rf"[，,、\s{PAUSE}]{{0,{_MAX_SEPARATORS}}}"

REGIONS = "特别行政区|自治区|自治州|自治县|开发区|高新区|新区|地区|街道|省|市|州|盟|区|县|旗|镇|乡"
_STREETS = "大道|大街|胡同|公路|国道|路|街|巷|弄|里|道"
_COMPOUNDS = (
    "小区|花园|家园|花苑|公寓|大厦|大楼|广场|新村|山庄|宿舍|中心|"
    "家属院|大院|社区|村|庄|苑|城|府|园|湾|坊"
)
_NAMED = re.compile(rf"[\u4e00-\u9fff0-9]{{1,10}}?(?P<level>{REGIONS}|{_STREETS}|{_COMPOUNDS})")
_IS_REGION = re.compile(REGIONS)
_LEVEL = re.compile(rf"{REGIONS}|{_STREETS}|{_COMPOUNDS}")
REGION = re.compile(rf"[\u4e00-\u9fff]{{1,10}}?(?:{REGIONS})")

_NUMBER = rf"[A-Za-z]?(?:[{DIGITS}十百]{{1,6}}|[甲乙丙丁A-Za-z])(?:[-－之—][{DIGITS}十]{{1,4}})?"
_UNIT = r"(?:号楼|号院|号弄|号|弄|栋|幢|座|单元|层|楼|室|房|组|队|门)"
_CHAIN = re.compile(
    rf"{_NUMBER}{_UNIT}(?:{_SEPARATOR}{_NUMBER}{_UNIT})*"
    rf"(?:{_SEPARATOR}[{DIGITS}]{{3,4}}(?![{DIGITS}年个元块万点分秒.]))?"
    r"(?!窗口|柜台|线|码头|店铺|机|桌|台|吗?客服|坐席|员工|下午|上午|早上|晚上|之?前|之?后|以)"
)
_NUMBERED = re.compile(rf"{_NUMBER}(?P<unit>{_UNIT})")
_OF_BUILDINGS = frozenset(("号楼", "号院", "号弄", "弄", "栋", "幢", "座", "单元", "室"))

_IN_NAMES = re.compile(rf"{_HAN}|[0-9]")
_SEPARATES = re.compile(rf"[，,、\s{PAUSE}]")
_LEAD = re.compile(
    r".*(?:地址|住址|户籍|位于|家里|公司|搬家|家住|老家|单位|籍贯|登记|改成|换成|快递|上门|来自|发往|邮寄)"
)
_CUE = re.compile(r"(?:住在|住址是?|地址是?|家在|家住|寄到|送到|搬到)[：:，,\s]{0,2}")
_NAMES_AFTER = re.compile(rf"(?:{_HAN}|[，,、\s0-9{PAUSE}]){{1,40}}")
_REACH = 60
"""Characters before the first number in which the names of an address begin."""


def find_addresses(text: str) -> Iterator[Found]:
    """Addresses with a number, and those without one that 住在 and the like announce.

    `low` confidence of the latter, and where only two levels are named.
    """
    numbered = list(_find_numbered(text))
    yield from numbered
    for cue in _CUE.finditer(text):
        names = _NAMES_AFTER.match(text, cue.end())
        start, end, levels = _read_levels(names.group() if names else "")
        if len(levels) < 2 or _IS_REGION.fullmatch(levels[-1]):
            continue
        start, end = cue.end() + start, cue.end() + end
        if all(end <= other.start or other.end <= start for other in numbered):
            yield Found(start, end, "address", confidence="low")


def _find_numbered(text: str) -> Iterator[Found]:
    last: Found | None = None
    for chain in _CHAIN.finditer(text):
        position = last.end if last else 0
        if chain.start() < position:
            continue
        found = _read_address(text, chain, position)
        if found is None:
            continue
        if last is not None and not _SEPARATES.sub("", text[last.end : found.start]):
            last = Found(last.start, found.end, "address")  # 88号阳光小区3栋: one address
            continue
        if last is not None:
            yield last
        last = found
    if last is not None:
        yield last


def _read_address(text: str, chain: re.Match[str], position: int) -> Found | None:
    """The address that ends with these numbers, and begins after `position`; None: it is none."""
    numbered = [one["unit"] for one in _NUMBERED.finditer(chain.group())]
    begin, levels = _find_names(text, max(position, chain.start() - _REACH), chain.start())
    has_building = not _OF_BUILDINGS.isdisjoint(numbered)
    # 上海市3号 is a date, 3号 alone may be anything.
    if not has_building and (not levels or _IS_REGION.fullmatch(levels[-1])):
        return None
    count = len(levels) + len(numbered)
    if count < 2 or (not levels and len(set(numbered)) < 2):  # 一栋一栋
        return None
    return Found(begin, chain.end(), "address", confidence="high" if count > 2 else "low")


def _find_names(text: str, first: int, stop: int) -> tuple[int, list[str]]:
    """Where the names before a number begin, and the levels that they name; none: `stop`."""
    start = _walk_back(text, first, stop)
    names = text[start:stop]
    lead = _LEAD.match(names)
    skipped = lead.end() if lead else 0
    begin, end, levels = _read_levels(names[skipped:])
    if not levels or _SEPARATES.sub("", names[skipped + end :]):
        return stop, []
    return start + skipped + begin, levels


def _read_levels(names: str) -> tuple[int, int, list[str]]:
    """Where the first name begins and the last one ends, and the levels that they name."""
    begin, end = None, 0
    levels: list[str] = []
    while named := _NAMED.search(names, end):
        begin = named.start() if begin is None else begin
        levels.append(named["level"])
        end = named.end()
        while level := _LEVEL.match(names, end):  # 花园街, 翠苑小区
            levels.append(level.group())
            end = level.end()
    return begin or 0, end, levels


def _walk_back(text: str, first: int, stop: int) -> int:
    """The start of the characters before `stop` that may be names, in groups."""
    start, separators = stop, 0
    for place in range(stop - 1, first - 1, -1):
        if _IN_NAMES.match(text, place):
            start, separators = place, 0
        elif separators < _MAX_SEPARATORS and _SEPARATES.match(text, place):
            separators += 1
        else:
            break
    return start
