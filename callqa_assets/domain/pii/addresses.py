"""Postal addresses by the grammar of their levels: two levels or more, and a number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callqa_assets.domain.pii.digits import DIGITS
from callqa_assets.domain.pii.spans import PAUSE, Found

_NEVER_IN_NAMES = "我你您他她它们的了在到住是就给请把送寄这跟吗呢啊说问要想很也没不还可以去哪怎么什"
"""A place's name has none of them; they end what stands before an address."""
_HAN = rf"(?:(?![{_NEVER_IN_NAMES}])[\u4e00-\u9fff])"
_SEPARATOR = rf"[，,、\s{PAUSE}]{{0,2}}"

REGIONS = "特别行政区|自治区|自治州|自治县|开发区|高新区|新区|地区|街道|省|市|州|盟|区|县|旗|镇|乡"
_STREETS = "大道|大街|胡同|公路|国道|路|街|巷|弄|里|道"
_COMPOUNDS = (
    "小区|花园|家园|花苑|公寓|大厦|大楼|广场|新村|山庄|宿舍|中心|"
    "家属院|大院|社区|村|庄|苑|城|府|园|湾|坊"
)
_NAMED = re.compile(rf"[\u4e00-\u9fff0-9]{{1,10}}?(?P<level>{REGIONS}|{_STREETS}|{_COMPOUNDS})")
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

_BEFORE = re.compile(rf"(?:(?:{_HAN}|[0-9]){{1,10}}{_SEPARATOR}){{1,8}}$")
_LEAD = re.compile(
    r".*(?:地址|住址|户籍|位于|家里|公司|搬家|家住|老家|单位|籍贯|登记|改成|换成|快递|上门|来自|发往|邮寄)"
)
_REACH = 60
"""Characters before the first number in which the names of an address begin."""


def find_addresses(text: str) -> Iterator[Found]:
    """Addresses with a number; `low` confidence where only two levels are named."""
    position = 0
    for chain in _CHAIN.finditer(text):
        start, end = chain.span()
        if start < position:
            continue
        numbered = [one["unit"] for one in _NUMBERED.finditer(chain.group())]
        begin, levels = _find_names(text, max(position, start - _REACH), start)
        if levels and levels[-1] in REGIONS.split("|") and not _OF_BUILDINGS & set(numbered):
            continue  # 上海市3号 is a date
        if not levels and not (_OF_BUILDINGS & set(numbered)):
            continue
        if len(levels) + len(numbered) < 2:
            continue
        position = end
        is_sure = len(levels) + len(numbered) > 2
        yield Found(begin, end, "address", confidence="high" if is_sure else "low")


def _find_names(text: str, first: int, stop: int) -> tuple[int, list[str]]:
    """Where the names before a number begin, and the levels that they name; none: `stop`."""
    before = _BEFORE.search(text[first:stop])
    if before is None:
        return stop, []
    names = before.group()
    lead = _LEAD.match(names)
    skipped = lead.end() if lead else 0
    begin: int | None = None
    levels: list[str] = []
    at = skipped
    while named := _NAMED.search(names, at):
        if begin is None:
            begin = named.start()
        levels.append(named["level"])
        at = named.end()
    rest = re.sub(rf"[，,、\s{PAUSE}]", "", names[at:])
    if begin is None or rest:
        return stop, []
    return first + before.start() + begin, levels
