import pytest

from callqa_assets.domain.text.hotwords import (
    GuardConfig,
    HotwordError,
    HotwordLists,
    find_hotwords,
    list_name,
    parse_hotwords,
    share_of_difference,
)


def test_a_list_has_one_word_per_line_and_comments():
    text = "# of every queue\n开户流程\n\n  客服热线95588  # the bank's\n开户流程\niPhone Pro\n"
    read = parse_hotwords(text, "a.txt")
    assert (read.words, read.weights_dropped) == (("开户流程", "客服热线95588", "iPhone Pro"), 0)


@pytest.mark.parametrize(
    ("text", "words", "dropped"),
    [
        ("阿里巴巴 20\n退费 10\n", ("阿里巴巴", "退费"), 2),
        ("阿里巴巴\t20\nPing An\t5 # ours\n", ("阿里巴巴", "Ping An"), 2),
        ("阿里巴巴　20\r\n退费\r\n", ("阿里巴巴", "退费"), 1),
        ("阿里巴巴 20\nPing An 15\n", ("阿里巴巴", "Ping An"), 2),
        ("退费 0.5\n", ("退费",), 1),
        ("iPhone 15\n", ("iPhone 15",), 0),
        ("iPhone 15\nGalaxy 24\n", ("iPhone 15", "Galaxy 24"), 0),
        ("iPhone 15\n阿里巴巴 20\n退费\n", ("iPhone 15", "阿里巴巴", "退费"), 1),
        ("套餐58\n95588\n", ("套餐58", "95588"), 0),
    ],
)
def test_weights_after_words_are_dropped_and_numbers_of_names_kept(text, words, dropped):
    read = parse_hotwords(text, "a.txt")
    assert (read.words, read.weights_dropped) == (words, dropped)


@pytest.mark.parametrize("word", ["http://host/a", "a.txt", "../b", "一,二", "a  b", "<s>"])
def test_a_word_with_punctuation_is_refused_with_its_line(word):
    with pytest.raises(HotwordError, match=r"a\.txt, line 2"):
        parse_hotwords(f"开户\n{word}\n", "a.txt")


def test_a_sentence_is_refused_as_a_hotword():
    with pytest.raises(HotwordError, match="has 21 characters"):
        parse_hotwords("一" * 21, "a.txt")


def test_a_queue_has_the_default_words_and_its_own():
    lists = HotwordLists({"default": ("开户",), "loans": ("还款", "开户")})
    assert lists.of("Loans") == ("开户", "还款")
    assert lists.of("sales") == lists.of(None) == ("开户",)
    assert HotwordLists().of("loans") == ()


def test_no_queue_names_a_path():
    assert list_name("信用卡/还款") == "信用卡_还款"
    assert list_name("../../etc/passwd") == "______etc_passwd"


@pytest.mark.parametrize(
    ("text", "hotword", "place"),
    [
        ("请问开户流程怎么走", "开户流程", "开户流程"),
        ("请拨九五五八八", "95588", "九五五八八"),
        ("请拨幺零零八六", "10086", "幺零零八六"),
        ("my IPHONE pro is", "iPhone Pro", "IPHONE pro"),
        ("开 户 流 程", "开户流程", "开 户 流 程"),
    ],
)
def test_a_hotword_is_found_however_it_is_written(text, hotword, place):
    ((found, start, end),) = find_hotwords(text, ["退费", hotword])
    assert (found, text[start:end]) == (hotword, place)


@pytest.mark.parametrize(
    ("other", "share"),
    [
        ("请问开户流程怎么走", 0),
        ("请问开会流程怎么走", 0.25),
        ("请问开会成怎么走", 0.75),
        ("请问怎么走", 1),
        ("", 1),
    ],
)
def test_the_difference_is_that_at_the_hotwords_own_place(other, share):
    text = "请问开户流程怎么走"
    assert share_of_difference(text, 2, 6, other) == pytest.approx(share)


def test_a_word_of_twenty_characters_is_a_hotword():
    assert parse_hotwords("一" * 20, "a.txt").words == ("一" * 20,)


def test_the_guards_settings_are_those_in_stored_fingerprints():
    """Changed, every transcript with hotwords is computed again."""
    assert GuardConfig() == GuardConfig(max_difference=0.5, silence_below_db=25.0)


@pytest.mark.parametrize("digit", range(10))
def test_every_digit_may_be_written_either_way(digit):
    spoken = "零一二三四五六七八九"[digit]
    others = {0: "〇", 1: "幺"}.get(digit, "")
    for written in (str(digit), spoken, *others):
        assert [place for *_, place in find_hotwords(f"转{written}号", [str(digit)])] == [2]
    assert not list(find_hotwords("零一二三四五六七八九".replace(spoken, ""), [str(digit)]))
