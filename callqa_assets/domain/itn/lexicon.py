"""Words that decide whether a numeral is a value: measures, names of numbers, idioms.

Only words; which expression they take part in is the grammar's. Alternatives are regular expressions.
"""

from __future__ import annotations

WORDS_FROM_ONE = "定直些样起般共旦切致律会边下旁向再时半同概路经番系"
"""一 followed by one of these is the word 一定, 一直 … and no numeral: 三点一定到."""

MEASURES = (
    "个名位人次天年月日号周点张条件份笔台部套单户家间层楼栋幢室章节项款种类批组届期级档度米斤克吨升公厘毫"
    "平寸尺亩兆倍折成岁通封箱盒袋瓶把辆只头本遍场趟句股支根片颗栏分秒小元块毛角万千百十颠夜晚集代轮站环排"
    "GgMmKkTt%"
)
"""First characters of measure words: what makes 十 or a range a count."""

ARTICLE_MEASURES = "(?:[个次位年天月人条张份场斤件台户单度盒本套]|分钟|小时|公里|公斤|平)"
"""After 百, 千, 万, 点, 块, 毛 a 一 before one of these is an article: 三百一个月 is 300 a month."""

PRECISE_UNITS = (
    "(?:元(?![桥里催素音首旦化论])|美元|美金|欧元|英镑|日元|港币|港元|人民币|公斤|千克|毫克|公里|千米|厘米|毫米|"
    "平米|平方|立方|公顷|兆(?!头)|[GgMmKkTt](?![A-Za-z])|千瓦|瓦(?![片房解])|伏|安培|毫安|毫升|摄氏度|"
    "岁|号(?![召称])|折(?![腾磨叠断])|栋|幢|单元|楼|室(?![友内外]))"
)
"""Before these even 一 is a figure: 一元, 一号, 一栋."""

COUNTED_UNITS = (
    "(?:个(?:半)?(?:月|小时|钟头|工作日|自然日|交易日|星期|礼拜|季度|百分点|[GgMmTt](?![A-Za-z])|兆|平方)|"
    "年(?![级头])|天(?![头地])|日|周(?![折到])|小时|分钟|秒钟?|块|毛(?![病])|分钱|角钱|度|米(?![饭粉])|斤|"
    "倍|期|成(?![年员立熟功绩果就长本])|层|晚(?![上])|夜)"
)
"""Before these 二 to 九 and 两 are figures; 一天, 一年, 一块 are as often articles and stay."""

LOOSE_BEFORE_TWO = "这那过前后头近隔等明两几"
"""After one of these 两天, 两年 means "a few": 过两天."""

TAIL_MEASURES = "[个名位人次天年月日号周点张条件份笔台部套单块元万千百十两毛角折斤度米楼层岁期公小秒把辆只本遍场分]"
"""A digit after 块 that is followed by one of these counts something else: 五十块三个."""

HALVES_OF_DAY = (
    "(?:(?<=上午)|(?<=下午)|(?<=中午)|(?<=晚上)|(?<=早上)|(?<=早晨)|(?<=凌晨)|(?<=傍晚)|(?<=清晨)|(?<=夜里)|(?<=半夜)|"
    "(?<=晚间)|(?<=午后)|(?<=今晚)|(?<=明晚)|(?<=昨晚)|(?<=当晚)|(?<=今早)|(?<=明早))"
)
DAYS = (
    "(?:(?<=今天)|(?<=明天)|(?<=昨天)|(?<=后天)|(?<=前天)|(?<=当天)|(?<=每天)|(?<=[号日])|(?<=周[一二三四五六日])|"
    "(?<=星期[一二三四五六日])|(?<=礼拜[一二三四五六日天]))"
)
"""Lookbehinds: a clock time is likely right after these."""

BEFORE_POINTS = "有这那哪几下"
AFTER_POINTS = "(?:建议|要求|原因|需要|说明|注意|问题|内容|意见|希望|理由|好处|[点儿])"
"""Around these 三点 are three points and no clock time."""

NAMES_OF_NUMBERS = (
    "尾号", "卡号", "号码", "分机", "工号", "验证码", "区号", "编号", "房间", "房号", "单号", "位", "拨", "代码",
)  # fmt: skip
"""After one of these (and 是, 为) even two digits are read out: 尾号三五."""

IDIOMS = (
    # numerals that a rule would otherwise take for a value
    "一万个不", "一百个不", "一千个不", "一百个放心", "一百个心",
    "七七八八", "九九八十一", "三七二十一", "三六九等", "三三两两", "一五一十", "三十而立", "四十不惑", "三十六计",
    "十八般", "十万八千里", "十万火急", "十年如一日", "十里八乡", "八百里加急",
    "三天两头", "三天打鱼", "三年五载", "三年两载", "三分钟热度", "两点一线", "三日不见", "一日三餐",
    "一点半点", "半斤八两", "五月天", "三毛流浪", "一千零一夜", "六月飞雪", "二月二(?![十号日])", "三月三(?![十号日])",
    "八月十五(?![号日])", "一月一(?![号日])", "二百五(?![十块元])", "三元里", "千万(?=[别不要记得])",
    "十分(?![钟之钱])", "十一(?=期间|假期|黄金|长假|放假|国庆|小长假|活动|大促)", "百分百",
)  # fmt: skip

WORDS_ENDING_IN_NUMERAL = (
    r"(?<=[统唯逐单专之其合归])一|万一(?![万千百])|(?<=初)[一二三四五六七八九十]|(?<=大年)三十|(?<=[正腊]月)[一二三四五六七八九十]+|"
    r"(?<=农历)[一二三四五六七八九十]+月[一二三四五六七八九十]+|(?<=双)十[一二]"
)

WEEKDAYS = "(?:(?<=星期)|(?<=礼拜)|(?<=周)(?<![一两二三四五六七八九几0-9]周))[一二三四五六日](?:[一二三四五六日]+(?![零〇一二三四五六七八九十百点月号]))?"
"""星期五, and 周一三五; 一周三次 has no weekday."""
