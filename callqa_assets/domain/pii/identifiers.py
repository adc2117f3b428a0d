"""Other identifiers: e-mail addresses, number plates, passports, and codes that are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callqa_assets.domain.pii.digits import BETWEEN, DIGIT, DIGITS, SPOKEN
from callqa_assets.domain.pii.spans import PAUSE, Found

_AT = r"\s?(?:@|＠|艾特|圈[aAＡａ]|(?<=\s)[aA][tT](?=\s))\s?"
_DOT = r"\s?(?:[.．。]|点|(?<=\s)dot(?=\s))\s?"
_MAIL = rf"[A-Za-z0-9Ａ-Ｚａ-ｚ{DIGITS}]"
_EMAIL = re.compile(
    rf"(?<![0-9A-Za-z._%+\-])"
    rf"(?:{_MAIL}\s(?={_MAIL}[\s@＠艾圈])){{0,30}}{_MAIL}(?:{_MAIL}|[._%+\-．＿－]|点|下划线|中划线|减号|横杠){{0,63}}"
    rf"{_AT}{_MAIL}(?:{_MAIL}|-){{0,62}}(?:{_DOT}(?:{_MAIL}|-){{2,20}}){{1,3}}(?![0-9A-Za-z])",
    re.IGNORECASE,
)

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE_CHARACTER = rf"[A-HJ-NP-Za-hj-np-zＡ-Ｚ{DIGITS}]"
_PLATE = re.compile(
    rf"[{_PROVINCES}]\s?[A-HJ-NP-Za-hj-np-zＡ-Ｚ]"
    rf"(?:[\s·•.\-－点]?{_PLATE_CHARACTER}){{4}}[\s]?"
    rf"(?:[挂学警港澳领使]|{_PLATE_CHARACTER}(?:[\s]?{_PLATE_CHARACTER})?)"
    rf"(?!\s?{DIGIT}|[A-Za-z])"
)
"""GA 36-2018: province, office, five characters, or six of a car with a new drive. No I, no O."""
_PLATE_MIN_DIGITS = 3

_PASSPORT = re.compile(
    rf"(?<![0-9A-Za-z])(?:[EeGgDdSsPpKkHhMmCc]\s?{DIGIT}{{8}}(?:{DIGIT}{{2}})?"
    rf"|[EeCc][A-Za-z]\s?{DIGIT}{{7}})(?![0-9A-Za-z])"
)
"""E, then a letter or a digit (ordinary), D, S, P (official), H, M, C (passes)."""
_PASSPORT_AFTER_CUE = re.compile(
    r"(?:护照|通行证|回乡证|台胞证|passport)(?:号码?|号是|number)?[是为：:，,\s]{0,4}(?:number|is)?\s?"
    rf"((?:[A-Za-z]\s?){{0,3}}{SPOKEN}(?:{BETWEEN}{SPOKEN}){{5,9}})(?![0-9A-Za-z])",
    re.IGNORECASE,
)

_CODE_CUE = (
    r"(?:验证码|校验码|动态码|动态密码|动态口令|短信码|激活码|授权码|取件码|提取码|安全码|口令|密码"
    r"|PIN码?|CVV2?|CVN2?|OTP|verification code|security code|passcode|password)"
)
_CODE_FILLERS = (
    rf"(?:一下|[四六八468]位数?字?|[您你我他的是为就呢啊嗯呃哦那个应该收到发来给念报读告诉了短信请输入数字"
    rf"：:，,。、\s“”\"'‘’…{PAUSE}]|is|was){{0,12}}"
)
_CODE = re.compile(
    rf"{_CODE_CUE}{_CODE_FILLERS}(?<![0-9A-Za-z])"
    rf"({SPOKEN}(?:{BETWEEN}{SPOKEN}){{2,7}}|(?=[A-Za-z]*[0-9])[0-9A-Za-z]{{4,8}})(?![0-9A-Za-z])"
    rf"(?!{DIGIT}|\s?[.．点]\d|\s?(?:分|秒|天|位|次|个|小时|条|月|号|年|元|块|万|%|倍|级))",
    re.IGNORECASE,
)
_ASKS_FOR_CODE = re.compile(rf"{_CODE_CUE}[^{DIGITS}]{{0,15}}$", re.IGNORECASE)
_REPLY_CODE = re.compile(
    rf"[^{DIGITS}A-Za-z]{{0,10}}({SPOKEN}(?:{BETWEEN}{SPOKEN}){{3,7}})(?![0-9A-Za-z])"
    rf"(?!{DIGIT}|\s?(?:分|秒|天|位|次|个|小时|条|月|号|年|元|块|万|%|倍|级))",
    re.IGNORECASE,
)


def find_emails(text: str) -> Iterator[Found]:
    for email in _EMAIL.finditer(text):
        yield Found(*email.span(), "email")


def find_plates(text: str) -> Iterator[Found]:
    for plate in _PLATE.finditer(text):
        if len(re.findall(DIGIT, plate.group())) >= _PLATE_MIN_DIGITS:
            yield Found(*plate.span(), "plate")


def find_passports(text: str) -> Iterator[Found]:
    for passport in _PASSPORT_AFTER_CUE.finditer(text):
        yield Found(*passport.span(1), "passport")
    for passport in _PASSPORT.finditer(text):
        yield Found(*passport.span(), "passport")


def find_codes(text: str) -> Iterator[Found]:
    """What is said after 验证码, 密码 and the like."""
    for code in _CODE.finditer(text):
        yield Found(*code.span(1), "code")


def asks_for_code(text: str) -> bool:
    """Whether a text ends with a code's name: who hears it answers with the code."""
    return _ASKS_FOR_CODE.search(text) is not None


def find_code_in_reply(text: str) -> Found | None:
    """A code at the beginning of what was answered."""
    code = _REPLY_CODE.match(text)
    return None if code is None else Found(*code.span(1), "code")
