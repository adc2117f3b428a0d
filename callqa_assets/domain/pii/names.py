"""Names of people after cues (我叫, 姓, 先生): what sounds like a name need not be one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callqa_assets.domain.pii.spans import PAUSE, Found

_COMPOUND = (
    "欧阳|上官|司马|诸葛|夏侯|皇甫|尉迟|公孙|慕容|令狐|司徒|司空|东方|独孤|"
    "南宫|长孙|宇文|端木|呼延|轩辕|闻人|澹台|公冶|宗政|濮阳|淳于|单于|申屠|"
    "仲孙|钟离|鲜于|闾丘|太史|赫连|拓跋|万俟|东郭|西门|百里|第五"
)
_FREQUENT = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程"
)
_SURNAMES = _FREQUENT + (
    "吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺"
    "顾毛郝龚邵万钱严覃武莫孔向汤常温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申"
    "欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳"
    "管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费"
    "卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明"
    "佘池查麻苑迟邝封官谈匡鞠惠荆乐冀胥郁南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉伊"
    "仝区郜海阚花权强帅屠豆朴盖练廉禹井祖漆巴丰支卿国狄平计索宣晋相初门容敬来扈晁都普"
    "阙浦戈伏鹿薄邸雍辜羊阿母裘亓修邰赫杭况那宿鲜印逯隆茹诺战"
)
_NEVER_GIVEN = (
    "的了是在有要想把给就跟也都还吗呢啊吧呀哦嗯你我您他她们先女这那哪不没能以去说问"
    "打查办买退订卡号电话机码叫姓现今昨然但因所该请帮需觉得很太最到从被让使用过着吃"
    "住什么怎样谁"
)
"""No given name has one of them: they end what may be a name."""

_SURNAME = rf"(?:{_COMPOUND}|[{_SURNAMES}])"
_GIVEN = rf"(?:(?![{_NEVER_GIVEN}]|可[以能是])[\u4e00-\u9fff])"
_NAME = rf"{_SURNAME}{_GIVEN}{{1,2}}"
_END = rf"(?=[，。,.!?！？、；;\s{PAUSE}]|$|[啊呀哦哈]|的(?:电话|手机|卡|账户|号))"

_CUED = re.compile(
    r"(?:我叫|名叫|叫做|名字(?:是|叫)|姓名(?:是|叫|为)?|户名(?:是|为)?|收件人(?:是|叫)?|联系人(?:是|叫)?"
    rf"|持卡人(?:是|叫)?|开户人(?:是|叫)?|户主(?:是|叫)?)[：:，,\s]{{0,2}}({_NAME})"
)
_SELF = re.compile(rf"(?:我是|这边是|本人)({_SURNAME}{_GIVEN}{{1,2}}){_END}")
_SURNAME_CUED = re.compile(rf"(?:免贵姓|我姓|您姓|他姓|她姓|姓)({_COMPOUND}|[{_SURNAMES}])(?!氏)")
_TITLE = re.compile(r"\s?(?:先生|女士|小姐|太太|阿姨|师傅|老师|经理)")
_BEFORE_TITLE = re.compile(
    rf"({_COMPOUND}){_GIVEN}{{0,2}}$|[{_SURNAMES}]{_GIVEN}{{0,2}}$|[{_SURNAMES}]$"
)
_NOT_NAMES = re.compile(
    r"黄金|高级|高兴|安徽|安全|方便|万一|任何|于是|江苏|江西|金卡|金牌|"
    r"白金|白银|时候|华夏|申请|曾经|常客|温州|明天|平安|武汉|成都|路人|"
    r"文明|金融|全部|应该|国家|强制|经常|单独|司机|空白|容易|关于|支持|"
    r"解决|谢谢|严重|严格|程序|周一|周二|周三|周四|周五|周六|周日|周末|"
    r"毛病|商家|商户|管理员|管家|连续|车主|房东|户主|海南|海外|南方|南京|"
    r"石家庄|西门|都江堰|万达|万科|连锁|项目|原来|包月|单位|那个|那边|计划|"
    r"季度|时间|解释|应用|全国|平台|普通|来电|官方|官网|华为|海尔|美的|"
    r"京东|商城|祖国|师傅"
)
_ENGLISH = re.compile(
    r"(?i:\b(?:my name is|my name's|this is mr|this is mrs|this is ms)\.?)\s"
    r"([A-Z][A-Za-z'’\-]{1,20}(?:\s[A-Z][A-Za-z'’\-]{1,20}){0,2})"
)


def find_names(text: str) -> Iterator[Found]:
    """Names with their cue; of 姓张 and 张先生 the surname. All of low confidence."""
    for pattern in (_CUED, _SELF):
        for name in pattern.finditer(text):
            if not _NOT_NAMES.match(name[1]):
                yield _name(*name.span(1))
    for surname in _SURNAME_CUED.finditer(text):
        yield _name(*surname.span(1))
    for title in _TITLE.finditer(text):
        if start := _find_before_title(text, title.start()):
            yield _name(start[0], title.start())
    for name in _ENGLISH.finditer(text):
        yield _name(*name.span(1))


def _find_before_title(text: str, end: int) -> tuple[int] | None:
    """Where a name begins that ends before a title; the shortest that a frequent surname begins.

    In 感谢陈女士 the name is 陈, in 张伟先生 it is both characters.
    """
    before = text[max(0, end - 4) : end]
    if before[-1:] in set(_FREQUENT) and before[-2:] not in _COMPOUND.split("|"):
        return (end - 1,)
    found = _BEFORE_TITLE.search(before)
    if found is None or _NOT_NAMES.fullmatch(found.group()):
        return None
    return (end - len(found.group()),)


def _name(start: int, end: int) -> Found:
    return Found(start, end, "name", confidence="low")


_SHOWN = re.compile(rf"{_COMPOUND}|.", re.DOTALL)


def mask_name(name: str) -> str:
    """The surname, and two stars for whatever follows; a surname alone stays."""
    shown = _SHOWN.match(name)
    kept = shown.group() if shown else ""
    return name if len(name) <= len(kept) else f"{kept}**"
