import pytest

from callqa_assets.domain.text.cleanup import LoopConfig, compression_ratio, cut_loops, simplify


def said(text: str) -> str:
    words = text.split(" ") if " " in text else list(text)
    joiner = " " if " " in text else ""
    return joiner.join(words[index] for index in cut_loops(words, LoopConfig()))


def test_traditional_characters_become_simplified_in_context():
    assert simplify("乾隆皇帝說：請瞭解乾燥機 OK") == "乾隆皇帝说：请了解干燥机 OK"


def test_simplifying_keeps_the_length_so_that_words_keep_their_positions():
    for text in ("乾隆", "頭髮發財", "臺灣檯燈", "著名沿著", "后面皇后"):
        assert len(simplify(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "对对对对对对",
        "好的好的好的",
        "我的电话是八八八八八八八八",
        "no no no no no I want a refund I want a refund I want a refund",
        "",
    ],
)
def test_a_speakers_own_repetition_is_kept(text):
    assert said(text) == text


@pytest.mark.parametrize(
    ("looped", "once"),
    [
        ("谢谢观看" * 20, "谢谢观看"),
        ("您好" + "嗯" * 40, "您好嗯"),
        ("好的" * 30 + "再见", "好的再见"),
        ("so " + "I'm going to go to the bank and " * 8 + "bye", None),
    ],
)
def test_a_loop_is_cut_to_its_first_turn(looped, once):
    expected = once or "so I'm going to go to the bank and bye"
    assert said(looped) == expected


def test_four_turns_of_twelve_words_in_all_are_a_loop_and_less_is_speech():
    assert said("一二三" * 4) == "一二三"
    assert said("一二三四" * 3) == "一二三四" * 3
    assert said("嗯" * 12) == "嗯"
    assert said("嗯" * 11) == "嗯" * 11


@pytest.mark.parametrize("words", [23, 24, 25])
def test_the_longest_phrase_of_a_loop_has_twenty_four_words(words):
    phrase = [str(n) for n in range(words)]
    kept = cut_loops(phrase * 4, LoopConfig())
    assert kept == list(range(words if words <= 24 else 4 * words))


def test_a_loop_at_the_end_may_break_off_and_one_may_follow_another():
    assert said("一二三" * 5 + "一二") == "一二三一二"
    assert said("嗯" * 12 + "好的" * 6) == "嗯好的"


def test_repetition_compresses_and_speech_does_not():
    assert compression_ratio("谢谢观看" * 20) > 2.4
    assert compression_ratio("您好，请问您的手机号是多少？我帮您查询一下，请稍等。") < 2.4
    assert compression_ratio("") < 1
