import logging

import pytest

from callqa_assets.domain.text.hotwords import HotwordError
from resources.speech_models.asr.hotword_files import read_hotwords
from resources.speech_models.asr.nano import NanoRecognizer
from resources.speech_models.asr.seaco import SeacoRecognizer
from resources.speech_models.runtime.device import Device
from resources.storage.home import REPO
from tests.support.tiny_checkpoints import CHARACTERS

CPU = Device("cpu", "fp32", 1)


def test_the_shipped_list_can_be_used():
    lists = read_hotwords(REPO / "configs" / "hotwords")
    assert {"开户流程", "信用卡还款", "客服热线95588", "退费政策"} <= set(lists.of(None))


def test_every_queue_has_its_file(tmp_path):
    (tmp_path / "default.txt").write_text("开户\n", "utf-8")
    (tmp_path / "信用卡_还款.txt").write_text("账单\n", "utf-8")
    lists = read_hotwords(tmp_path)
    assert lists.of("信用卡/还款") == ("开户", "账单")
    assert lists.of("../default") == ("开户",)


def test_without_a_folder_there_are_none(tmp_path):
    assert read_hotwords(tmp_path / "hotwords").of("loans") == ()


def test_weights_of_a_list_are_dropped_with_a_word_about_it(tmp_path, caplog):
    (tmp_path / "default.txt").write_text("阿里巴巴 20\n退费 10\n", "utf-8")
    assert read_hotwords(tmp_path).of(None) == ("阿里巴巴", "退费")
    assert "default.txt: 2 weight(s) dropped, as no model takes them" in caplog.text


def test_a_list_saved_by_an_editor_of_windows_is_read(tmp_path):
    (tmp_path / "default.txt").write_bytes("\ufeff信用卡\r\n还款\r\n".encode())
    assert read_hotwords(tmp_path).of(None) == ("信用卡", "还款")


def test_two_files_of_one_list_are_refused(tmp_path):
    (tmp_path / "Loans.txt").write_text("还款\n", "utf-8")
    (tmp_path / "loans.txt").write_text("还款\n", "utf-8")
    with pytest.raises(HotwordError, match=r"loans\.txt: another file is the list 'loans'"):
        read_hotwords(tmp_path)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "default.txt").write_bytes("开户".encode("gb18030"))
    with pytest.raises(HotwordError, match=r"default\.txt is not UTF-8"):
        read_hotwords(tmp_path)


def test_seaco_gets_characters_with_digits_spelt_out_and_a_sentinel(tiny, caplog):
    seaco = SeacoRecognizer(tiny("seaco"), CPU, "0" * 64)
    tokens = seaco._vocabulary
    with caplog.at_level(logging.WARNING):
        ids = seaco._tokenize(("开户流程", "热线95", "龘"))
    assert [[tokens[token] for token in word] for word in ids] == [
        list("开户流程"),
        list("热线九五"),
        ["<s>"],
    ]
    assert "does not know 1 hotword(s): ['龘']" in caplog.text
    assert seaco._tokenize(()) is None


def test_nano_gets_a_list_in_its_prompt(tiny, clip):
    nano = NanoRecognizer(tiny("nano"), CPU, "0" * 64)
    assert "龘" not in CHARACTERS  # Nano reads bytes, and knows every character
    before, _ = nano._prompt(clip(1.0, language="zh", hotwords=("开户", "龘95588")))
    assert "热词列表：[开户, 龘95588]\n语音转写成中文：" in nano._tokenizer.decode(before)
