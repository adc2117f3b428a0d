"""What is found in a text, as which kind, beside Chinese text and in the forms of speech."""

from __future__ import annotations

import pytest

from callqa_assets.domain.pii.recognise import find_pii
from callqa_assets.domain.pii.spans import KINDS


def found_in(*texts):
    """(text, kind) of everything found."""
    return [
        (text[span.start_char : span.end_char], span.kind)
        for text, spans in zip(texts, find_pii(texts), strict=True)
        for span in spans
    ]


@pytest.mark.parametrize(
    ("said", "number", "kind"),
    [
        ("身份证11010519491231002X谢谢", "11010519491231002X", "identity_card"),
        (
            "证件幺幺零幺零五幺九四九幺二三幺零零二叉",
            "幺幺零幺零五幺九四九幺二三幺零零二叉",
            "identity_card",
        ),
        ("是110105 1949 1231 002x。", "110105 1949 1231 002x", "identity_card"),
        ("是440524188001010014吗", "440524188001010014", "identity_card"),
        ("老的是110105491231002", "110105491231002", "identity_card"),
        ("少两位4403061985071232X。", "4403061985071232X", "number"),
        ("保单号P0012345", "0012345", "number"),
        ("错一位110105194912310021", "110105194912310021", "identity_card"),
        ("110105 19900307 02要X", "110105 19900307 02要X", "identity_card"),
        (
            "幺幺零幺零五幺九四九幺二要幺零零二X",
            "幺幺零幺零五幺九四九幺二要幺零零二X",
            "identity_card",
        ),
        ("卡号4111111111111111谢谢", "4111111111111111", "bank_card"),
        ("卡号4111 1111 1111 1111", "4111 1111 1111 1111", "bank_card"),
        ("６２０００００００００００００５", "６２０００００００００００００５", "bank_card"),
        ("卡号4111111111111112谢谢", "4111111111111112", "number"),
        ("电话13800138000谢谢", "13800138000", "mobile"),
        ("电话138 0013 8000谢谢", "138 0013 8000", "mobile"),
        ("电话86一三八零零一三八零零零", "一三八零零一三八零零零", "mobile"),
        ("一三八零零零零四个八", "一三八零零零零四个八", "mobile"),
        ("我要三八零零要三八零零零", "要三八零零要三八零零零", "mobile"),
        ("号码one three eight 0013 eight o o o", "one three eight 0013 eight o o o", "mobile"),
        ("13800138000元旦再打", "13800138000", "mobile"),
        ("138 0013 8000元", "138 0013 8000", "mobile"),
        ("座机010-62345678转3", "010-62345678", "landline"),
        ("0755 8888 6666", "0755 8888 6666", "landline"),
        ("订单号20250314001", "20250314001", "number"),
        ("单号TB4111111111111111", "4111111111111111", "number"),
        ("编号110105194912310021A", "110105194912310021", "number"),
        ("四零零八二零八八二零", "四零零八二零八八二零", "number"),
        ("护照E12345678谢谢", "E12345678", "passport"),
        ("护照号是G 1 2 3 4 5 6 7 8", "G 1 2 3 4 5 6 7 8", "passport"),
        ("港澳通行证H一二三四五六七八", "H一二三四五六七八", "passport"),
        ("车牌京A12345的", "京A12345", "plate"),
        ("沪A·F12345", "沪A·F12345", "plate"),
        ("粤b d一二三四五", "粤b d一二三四五", "plate"),
        ("京A1234挂", "京A1234挂", "plate"),
        ("邮箱是zhangsan@163.com谢谢", "zhangsan@163.com", "email"),
        ("发到13800138000@qq.com", "13800138000@qq.com", "email"),
        ("邮箱li下划线na艾特163点com", "li下划线na艾特163点com", "email"),
        ("验证码是358129", "358129", "code"),
        ("验证码，三五八幺二九。", "三五八幺二九", "code"),
        ("我收到的验证码是12 34 56", "12 34 56", "code"),
        ("CVV是123", "123", "code"),
        ("提取码A3F9", "A3F9", "code"),
        (
            "我住在北京市朝阳区建国路88号3栋2单元501室",
            "北京市朝阳区建国路88号3栋2单元501室",
            "address",
        ),
        (
            "寄到花园街八十八号阳光小区三栋二单元501",
            "花园街八十八号阳光小区三栋二单元501",
            "address",
        ),
        ("地址，北京市，朝阳区，建国路，88号。", "北京市，朝阳区，建国路，88号", "address"),
        ("在人民路3号的网点", "人民路3号", "address"),
        ("我住在苏州市岳麓区锦绣花园您记一下", "苏州市岳麓区锦绣花园", "address"),
        ("我住在洪山区翠苑小区吗", "洪山区翠苑小区", "address"),
        ("我叫张伟，想查", "张伟", "name"),
        ("我叫王可可以吗", "王可", "name"),
        ("我是李娜。", "李娜", "name"),
        ("我姓欧阳", "欧阳", "name"),
        ("张伟先生您好", "张伟", "name"),
        ("感谢陈女士", "陈", "name"),
        ("my name is John Smith.", "John Smith", "name"),
    ],
)
def test_it_is_found_as_its_kind_and_nothing_else_is(said, number, kind):
    assert found_in(said) == [(number, kind)]
    assert kind in KINDS


@pytest.mark.parametrize(
    "said",
    [
        "一共12345678.9元",
        "12345678点9元",
        "余额￥12,345,678.90",
        "贷款1234567.8万",
        "请付１２３４５６７８．９元",
        "二零二五年三月十四日",
        "客服热线95588",
        "验证码5分钟内有效",
        "验证码是6位数",
        "不要把验证码告诉任何人，客服热线95588",
        "我是上海市3号去的",
        "3月14日2号",
        "请到2楼3号窗口",
        "2号线3号口出来",
        "我是高兴的",
        "我是黄金会员。",
        "叫什么名字",
        "我住在上海市浦东新区",
        "地址是什么",
        "一栋一栋地查",
        "版本10.0.0.1",
        "A股12345",
    ],
)
def test_what_identifies_nobody_is_not_found(said):
    assert found_in(said) == []


def test_a_check_digit_and_its_absence_are_told():
    checked = [
        (span.checked, span.confidence)
        for text in ("11010519491231002X", "110105194912310021", "4111111111111111", "我姓张")
        for span in find_pii([text])[0]
    ]
    assert checked == [(True, "high"), (False, "high"), (True, "high"), (False, "low")]


def test_a_run_of_several_numbers_is_covered_whole():
    assert found_in("13800138000 13900139000") == [
        ("13800138000", "mobile"),
        ("13900139000", "mobile"),
    ]
    assert found_in("一三八零零一，一三八零零一三八零零零") == [
        ("一三八零零一", "number"),
        ("一三八零零一三八零零零", "mobile"),
    ]
    assert found_in("工号1001，13800138000") == [("1001", "number"), ("13800138000", "mobile")]
    assert found_in("13800138000，158.5元") == [("13800138000", "mobile")]


def test_what_goes_on_in_the_next_text_is_one_with_its_parts():
    texts = ["号码一三八。", "嗯", "零零一三，", "八零零零，谢谢"]
    parts = [
        (span.start_char, span.end_char, span.kind, span.part)
        for spans in find_pii(texts)
        for span in spans
    ]
    assert parts == [
        (2, 6, "mobile", "first"),
        (0, 1, "mobile", "middle"),
        (0, 5, "mobile", "middle"),
        (0, 4, "mobile", "last"),
    ]
    assert found_in("我住在朝阳区", "建国路88号3栋") == [
        ("朝阳区", "address"),
        ("建国路88号3栋", "address"),
    ]


def test_positions_are_those_of_the_text_with_its_invisible_characters():
    (span,) = find_pii(["a\u200b：138\u200b0013\u20608000\u200b"])[0]
    assert (span.start_char, span.end_char) == (3, 16)
    assert find_pii([]) == []
    assert find_pii(["", ""]) == [[], []]


@pytest.mark.parametrize(
    "said", ["1 ", "a ", "1\x1e", "区", "1号", "1嗯", "11 111 ", "a@a.", "密码A1"]
)
def test_a_text_of_any_kind_and_length_is_searched_in_linear_time(said):
    """In quadratic or cubic time these would take minutes."""
    text = said * (20_000 // len(said))
    assert all(0 <= s.start_char < s.end_char <= len(text) for s in find_pii([text])[0])
