"""Credits of subtitles are known; what a caller may say is not taken for one."""

from __future__ import annotations

import pytest

from callqa_assets.domain.text.stock_phrases import has_letters, is_stock_phrase


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for watching.",
        "Thank you so much for watching this video!",
        "Please subscribe to my channel.",
        "Subtitles by the Amara.org community",
        "谢谢观看",
        "感谢大家的收看。",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "订阅转发",
        "字幕由Amara.org社区提供",
        "中文字幕志愿者 杨茜茜",
        "優優獨播劇場——YoYo Television Series Exclusive",
        "优优独播剧场——YoYo Television Series Exclusive",
        "ご視聴ありがとうございました",
    ],
)
def test_a_credit_is_known(text):
    assert is_stock_phrase(text)


@pytest.mark.parametrize(
    "text",
    [
        "谢谢",
        "Thank you.",
        "谢谢您的来电，再见。",
        "我想取消订阅",
        "怎么取消会员订阅，上个月就扣了钱",
        "视频没有字幕",
        "感谢您的收听，我要投诉",
        "我看了你们的节目，谢谢观看这句话是什么意思",
        "see you next week",
        "",
    ],
)
def test_what_a_caller_may_say_is_none(text):
    assert not is_stock_phrase(text)


@pytest.mark.parametrize("text", ["____", "―‸", "\u200d\u200d", "...!?", " ", "♪♪"])
def test_a_text_without_a_letter_is_known(text):
    assert not has_letters(text)
    assert has_letters(text + "好") and has_letters(text + "8")
