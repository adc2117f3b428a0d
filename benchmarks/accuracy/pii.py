"""Personal data in made calls: what is found, what is called by the right kind, what is mistaken.

    python -m benchmarks.accuracy.pii [--seed N] [--misses N]

prints Markdown for benchmarks/RESULTS.md. The calls are made here, with numbers whose check digits
this program computes itself, and go through the product's own inverse text normalisation. Noise as
recognisers of speech make it: digits in words, groups and full width, fillers, pauses that cut a
number into segments, 幺 heard as 要, no punctuation, characters of addresses and names misheard. A
number with a misheard digit (row "one digit wrong") has no valid check digit: it must be found all
the same, as `number`. "Found": all its characters are covered. Seeds 1 and 2 were looked at while
the recognisers were written; seed 3 was not.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from callqa_assets.domain.pii.calls import find_in_call
from callqa_assets.domain.text.itn import normalize
from callqa_assets.domain.text.spoken_text import SpokenSegment

SEEDS = {1: "tuned on", 3: "held out"}
CASES = 400
SPEED_SEGMENTS = 30_000

WORDS = "零幺二三四五六七八九"
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
FILLERS = ("，", "，嗯，", "，然后", " ", "，呃，", "、")
BEFORE = ("", "嗯", "好的", "是这样的", "麻烦您记一下", "您看一下", "对对对", "那个")
AFTER = ("", "谢谢", "您记一下", "对吧", "没错", "好的吧", "麻烦帮我查查", "就这个")

REGIONS = ("110105", "310115", "440305", "330106", "510107", "420111", "610113", "320583")
BINS = ("622202", "621700", "622848", "625910", "436742", "552245", "621226", "356833")
PROVINCES = ("广东省", "浙江省", "四川省", "江苏省", "湖北省", "河南省", "山东省", "")
CITIES = ("深圳市", "杭州市", "成都市", "苏州市", "武汉市", "郑州市", "青岛市", "长沙市")
DISTRICTS = ("南山区", "西湖区", "武侯区", "吴中区", "洪山区", "金水区", "市南区", "岳麓区")
ROADS = ("科技", "文三", "人民南", "星湖", "珞喻", "花园", "香港中", "芙蓉中", "解放", "中山")
COMPOUNDS = ("阳光花园", "翠苑小区", "金色家园", "万科公寓", "锦绣花园", "幸福小区")
SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹邱秦江史顾侯孟龙万段钱汤尹"
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂英华玉萍红建文利云莲芬志国海波宁福生龙元全东晨阳欣怡梓"
    "涵浩轩子轩一诺雨泽可馨思源天佑俊熙"
)
PLATES = "京沪粤浙苏川鄂湘鲁豫"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"

ORDINARY = (
    "我想查一下上个月的账单为什么多了一百五十八块五",
    "您好请问有什么可以帮您",
    "你们客服热线是不是九五五八八",
    "我是二零二五年三月十四号下午三点办理的",
    "一共是一万二千三百四十五块六毛",
    "我在你们网点等了一个多小时，前面还有三十二个人",
    "这个理财产品年化百分之三点八五，封闭期一百八十天",
    "验证码一般五分钟内有效，请不要告诉别人",
    "请问先生您是要办理退费吗",
    "我是老客户了，你们就这样对我",
    "我是从上海过来的，路上开了两个小时",
    "您可以到二楼三号窗口办理",
    "流量用了三点五个G，还剩二十个G",
    "从一号到五号一共打了六次电话",
    "工作日是早上九点到下午五点半",
    "版本是十点零点零点一",
    "我们小区的宽带又断了，三天了",
    "第二季度的利率调整了零点二五个百分点",
    "我姓什么你们系统里不是有吗",
    "高先生不高先生的无所谓，我就想退钱",
    "那您稍等，我马上给您转接到主管",
    "一二三四五，我先数一下张数",
    "我是想问一下开户流程，需要带什么材料",
    "三号线坐到人民广场站就到了",
)
AMOUNTS = ("{}元", "{}.5元", "{}块", "{}.88块钱", "￥{}", "{}万元", "人民币{}.00", "{}.9元整")

WITHOUT_PII = ("amounts of 6 to 8 digits", "ordinary sentences")
"""Rows in which everything that is found is false."""


@dataclass(frozen=True)
class Case:
    """One call: its segments as said, and where among them personal data is."""

    kind: str
    """Row of the table."""
    segments: tuple[str, ...]
    hidden: tuple[tuple[int, str], ...]
    """(segment, what must be covered in it), in raw text."""
    expected: str | None
    """Kind that it should be found as; None: nothing may be found."""


@dataclass
class Score:
    cases: int = 0
    found: int = 0
    right_kind: int = 0
    misses: list[str] = field(default_factory=list)
    mistaken_for: set[str] = field(default_factory=set)


Make = Callable[[random.Random], str]


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def make_identity(rng: random.Random) -> str:
    body = rng.choice(REGIONS) + f"{rng.randint(1950, 2008)}{rng.randint(1, 12):02}"
    body += f"{rng.randint(1, 28):02}{digits(rng, 3)}"
    weights = [2**i % 11 for i in range(17, 0, -1)]
    total = sum(int(d) * w for d, w in zip(body, weights, strict=True))
    return body + "0123456789X"[(12 - total % 11) % 11]


def make_card(rng: random.Random) -> str:
    body = rng.choice(BINS) + digits(rng, rng.choice((9, 10, 12)))
    for check in "0123456789":
        number = body + check
        doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(number))]
        if sum(d // 10 + d % 10 for d in doubled) % 10 == 0:
            return number
    raise AssertionError("one of ten digits fits")


def make_mobile(rng: random.Random) -> str:
    return f"1{rng.choice('3456789')}{digits(rng, 9)}"


def make_landline(rng: random.Random) -> str:
    area = rng.choice(("010", "021", "0755", "0571", "028"))
    return f"{area}{rng.randint(2, 8)}{digits(rng, 7)}"


def make_order(rng: random.Random) -> str:
    return f"2025{rng.randint(1, 12):02}{rng.randint(1, 28):02}{digits(rng, rng.choice((3, 6, 9)))}"


CUES = {
    "identity_card": ("身份证号是", "身份证", "证件号码", "我身份证号"),
    "bank_card": ("卡号是", "卡号", "我的银行卡", "尾号不知道，整个是"),
    "mobile": ("我的电话是", "手机号", "打我电话", "预留手机是", "回拨到"),
    "landline": ("座机是", "公司电话", "打"),
    "number": ("订单号", "工单是", "流水号是"),
}
NUMBERS: dict[str, Make] = {
    "identity_card": make_identity,
    "bank_card": make_card,
    "mobile": make_mobile,
    "landline": make_landline,
    "number": make_order,
}
GROUPS = {"mobile": (3, 4, 4), "bank_card": (4, 4, 4, 4, 4), "identity_card": (6, 4, 4, 4)}


def in_words(rng: random.Random, number: str, *, misheard: bool) -> str:
    said = "".join(WORDS[int(d)] if d.isdigit() else d for d in number)
    if misheard:
        said = said[0] + "".join("要" if c == "幺" and rng.random() < 0.3 else c for c in said[1:])
    return said


def say_number(rng: random.Random, kind: str, number: str) -> list[str]:
    """The number as it is transcribed: one piece, or several where pauses cut it."""
    style = rng.choice(("plain", "words", "words", "groups", "groups", "full", "cut"))
    write: Callable[[str], str] = (
        (lambda part: in_words(rng, part, misheard=rng.random() < 0.2))
        if style == "words" or (style in ("groups", "cut") and rng.random() < 0.6)
        else str
    )
    if style == "full":
        return [number.translate(FULL_WIDTH)]
    if style not in ("groups", "cut"):
        return [write(number)]
    parts, at = [], 0
    for size in GROUPS.get(kind, (4, 4, 4, 4, 4)):
        if number[at : at + size]:
            parts.append(write(number[at : at + size]))
        at += size
    if style == "cut":
        place = rng.randrange(1, len(parts))
        return ["，".join(parts[:place]), "，".join(parts[place:])]
    return [rng.choice(FILLERS).join(parts)]


def make_number(rng: random.Random, kind: str, *, wrong: bool = False) -> Case:
    number = NUMBERS[kind](rng)
    if wrong:
        place = rng.randrange(4, len(number) - 1)
        other = rng.choice([d for d in "0123456789" if d != number[place]])
        number = number[:place] + other + number[place + 1 :]
    parts = say_number(rng, kind, number)
    segments = [rng.choice(BEFORE) + rng.choice(CUES[kind]) + parts[0], *parts[1:]]
    segments[-1] += rng.choice(AFTER)
    row = f"{kind}, one digit wrong" if wrong else kind
    expected = "number" if wrong and kind == "bank_card" else kind
    return Case(row, tuple(segments), tuple(enumerate(parts)), expected)


def one_segment(
    kind: str, rng: random.Random, cue: str, value: str, expected: str | None = None
) -> Case:
    text = f"{rng.choice(BEFORE)}{cue}{value}{rng.choice(AFTER)}"
    return Case(kind, (text,), ((0, value),), expected or kind)


def make_email(rng: random.Random) -> Case:
    local = rng.choice(("zhangsan", "li.na", "wang_88", "chen2008", digits(rng, 9), "kf-vip"))
    host = rng.choice(("163.com", "qq.com", "gmail.com", "company.com.cn", "126.com"))
    address = f"{local}@{host}"
    if rng.random() < 0.4:
        address = address.replace("@", "艾特").replace(".", "点").replace("_", "下划线")
    return one_segment("email", rng, rng.choice(("邮箱是", "发到", "电子邮箱")), address)


def make_plate(rng: random.Random) -> Case:
    length = rng.choice((5, 5, 6))
    body = digits(rng, length)
    if rng.random() < 0.5:
        place = rng.choice((0, length - 1))
        body = body[:place] + rng.choice(LETTERS) + body[place + 1 :]
    if rng.random() < 0.4:
        body = in_words(rng, body, misheard=False)
    dot = rng.choice(("", "", "·", " "))
    plate = f"{rng.choice(PLATES)}{rng.choice(LETTERS[:8])}{dot}{body}"
    return one_segment("plate", rng, rng.choice(("车牌是", "车牌号", "我的车")), plate)


def make_passport(rng: random.Random) -> Case:
    body = digits(rng, 8)
    body = in_words(rng, body, misheard=False) if rng.random() < 0.4 else body
    number = f"{rng.choice('EGDSH')}{body}"
    return one_segment("passport", rng, rng.choice(("护照号是", "护照", "通行证号码")), number)


def make_code(rng: random.Random) -> Case:
    code = digits(rng, rng.choice((4, 6, 6)))
    code = in_words(rng, code, misheard=False) if rng.random() < 0.6 else code
    if rng.random() < 0.3:
        asked = rng.choice(("请报一下您收到的验证码", "短信验证码是多少", "麻烦念一下验证码"))
        return Case("code, in the answer", (asked, f"\0{code}"), ((1, code),), "code")
    cue = rng.choice(("验证码是", "验证码", "我收到的验证码是", "密码是", "动态码为"))
    return one_segment("code", rng, cue, code)


def make_address(rng: random.Random, *, noise: float) -> Case:
    levels = [rng.choice(PROVINCES), rng.choice(CITIES), rng.choice(DISTRICTS)]
    levels = levels[rng.randrange(3) :]
    names = [*levels, rng.choice(ROADS) + rng.choice(("路", "路", "街", "大道"))]
    numbers = [f"{rng.randint(1, 300)}号"]
    if rng.random() < 0.5:
        numbers.append(rng.choice(COMPOUNDS))
        numbers.append(f"{rng.randint(1, 30)}栋")
        numbers.append(f"{rng.randint(1, 6)}单元{rng.randint(1, 20)}0{rng.randint(1, 4)}")
        numbers[-1] += rng.choice(("室", ""))
    text = rng.choice(("", "", "，")).join([*names, *numbers])
    text = "".join(
        rng.choice("里得机西式通分期") if c not in "0123456789，" and rng.random() < noise else c
        for c in text
    )
    row = "address, characters misheard" if noise else "address"
    cue = rng.choice(("我住在", "地址是", "寄到", "我家在", "收货地址"))
    return one_segment(row, rng, cue, text, "address")


def make_address_without_number(rng: random.Random) -> Case:
    text = rng.choice(CITIES) + rng.choice(DISTRICTS) + rng.choice(COMPOUNDS)
    return one_segment("address without a number", rng, "我住在", text, "address")


def make_name(rng: random.Random) -> Case:
    name = rng.choice(SURNAMES) + "".join(rng.sample(GIVEN, rng.choice((1, 2, 2))))
    before, after = rng.choice(
        (("我叫", "，"), ("我叫", ""), ("我是", "。"), ("名字是", "，"), ("请问是", "先生吗")),
    )
    return Case("name", (f"{rng.choice(BEFORE)}{before}{name}{after}",), ((0, name),), "name")


def make_name_without_cue(rng: random.Random) -> Case:
    name = rng.choice(SURNAMES) + "".join(rng.sample(GIVEN, 2))
    text = rng.choice(("帮我把钱转给{}", "是{}办的卡", "{}昨天打过电话", "你们那个{}态度很差"))
    return Case("name without a cue", (text.format(name),), ((0, name),), "name")


def make_amount(rng: random.Random) -> Case:
    whole = rng.choice("123456789") + digits(rng, rng.choice((5, 6, 7)))
    amount = rng.choice(AMOUNTS).format(rng.choice((whole, f"{int(whole):,}")))
    cue = rng.choice(("一共", "我转了", "余额还有", "贷款总额是"))
    return Case("amounts of 6 to 8 digits", (f"{cue}{amount}",), (), None)


def make_ordinary(rng: random.Random) -> Case:
    return Case("ordinary sentences", (rng.choice(ORDINARY),), (), None)


def make_cases(seed: int) -> list[Case]:
    rng = random.Random(seed)  # noqa: S311 - test data
    makers: list[Callable[[random.Random], Case]] = [
        *(lambda r, kind=kind: make_number(r, kind) for kind in NUMBERS),
        *(
            lambda r, kind=kind: make_number(r, kind, wrong=True)
            for kind in ("identity_card", "bank_card")
        ),
        *(make_email, make_plate, make_passport, make_code),
        lambda r: make_address(r, noise=0.0),
        lambda r: make_address(r, noise=0.05),
        *(make_address_without_number, make_name, make_name_without_cue),
        *(make_amount, make_ordinary),
    ]
    return [maker(rng) for maker in makers for _ in range(CASES)]


def make_segments(case: Case) -> list[SpokenSegment]:
    """The case as stored segments; a text that begins with NUL is the other channel's."""
    segments: list[SpokenSegment] = []
    for number, said in enumerate(case.segments):
        raw = said.lstrip("\0")
        written = normalize(raw)
        edits = [[e.raw_start, e.raw_end, e.start, e.end] for e in written.alignment]
        segments.append(
            SpokenSegment(
                int(said.startswith("\0")),
                start_s=3.0 * number,
                end_s=3.0 * number + 2.0,
                text=written.text,
                text_raw=raw,
                alignment=json.dumps(edits),
                segment_no=number,
            )
        )
    return segments


def judge(case: Case, score: Score) -> None:
    segments = make_segments(case)
    found = find_in_call(segments)
    score.cases += 1
    if case.expected is None:
        score.found += bool(found)
        score.mistaken_for |= {one.span.kind for one in found}
        if found:
            score.misses.append(" | ".join(case.segments))
        return
    kinds: set[str] = set()
    covered = True
    for number, hidden in case.hidden:
        start = segments[number].text_raw.index(hidden)
        places = set(range(start, start + len(hidden)))
        for one in found:
            if one.segment.segment_no == number:
                spans = set(range(one.raw_start_char, one.raw_end_char))
                kinds |= {one.span.kind} if spans & places else set()
                places -= spans
        left = (hidden[place - start] for place in places)
        covered &= not any(c.isalnum() and c not in "嗯呃然后" for c in left)
    score.found += covered
    score.right_kind += covered and kinds == {case.expected}
    if not covered:
        score.misses.append(" | ".join(case.segments))


def evaluate(seed: int, misses: int) -> list[str]:
    scores: defaultdict[str, Score] = defaultdict(Score)
    for case in make_cases(seed):
        judge(case, scores[case.kind])
    lines = [
        f"Seed {seed} ({SEEDS.get(seed, 'another one')}):",
        "",
        "| what is said | cases | found | as that kind |",
        "|---|---:|---:|---:|",
    ]
    for row, score in scores.items():
        right = f"{100 * score.right_kind / score.cases:.1f} %"
        is_false = row in WITHOUT_PII
        last = ", ".join(sorted(score.mistaken_for)) if is_false else right
        lines.append(
            f"| {row} | {score.cases} | {100 * score.found / score.cases:.1f} %"
            f"{' (false)' if is_false else ''} | {last} |"
        )
        for text, count in Counter(score.misses).most_common(misses):
            lines.append(f"<!-- {count}: {text} -->")
    return lines


def measure_speed() -> str:
    """CPU time for 300,000 segments of calls of 40, every tenth with personal data."""
    cases = [case for case in make_cases(1) if "\0" not in "".join(case.segments)]
    rng = random.Random(0)  # noqa: S311 - test data
    texts: Sequence[str] = [
        text
        for _ in range(SPEED_SEGMENTS)
        for text in (rng.choice(cases).segments if rng.random() < 0.1 else (rng.choice(ORDINARY),))
    ]
    calls = [
        [
            SpokenSegment(n % 2, 3.0 * n, 3.0 * n + 2, text=text, text_raw=text, segment_no=n // 2)
            for n, text in enumerate(texts[at : at + 40])
        ]
        for at in range(0, SPEED_SEGMENTS, 40)
    ]
    began = time.process_time()
    for segments in calls:
        find_in_call(segments)
    seconds = (time.process_time() - began) * 300_000 / SPEED_SEGMENTS
    return f"Speed: {seconds:.1f} s of CPU time for 300,000 segments (measured on 30,000)."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--misses", type=int, default=0, help="Show so many of each row.")
    arguments = parser.parse_args()
    for seed in arguments.seed:
        print("\n".join([*evaluate(seed, arguments.misses), ""]))
    print(measure_speed())


if __name__ == "__main__":
    main()
