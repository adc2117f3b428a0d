import random
import re

import pytest
from funasr import AutoModel
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.speech_models.asr.punctuation import WORDS_AT_ONCE, CtPunctuator
from resources.speech_models.runtime.device import Device
from tests.support.tiny_checkpoints import CHARACTERS, build_tiny

CPU = Device("cpu", "fp32", 1)
MARKS = "，。？、,.?"


@pytest.fixture(scope="module")
def punctuator(tiny):
    return CtPunctuator(tiny("ct-punc"), CPU, "0" * 64, batch_texts=4)


@pytest.fixture(scope="module")
def texts():
    """Of one step of the model, of several, and of more words than a sentence may wait."""
    rng = random.Random(0)  # noqa: S311
    lengths = (1, 2, 7, 19, 20, 21, 40, 41, 85, 130, 450)
    assert max(lengths) > 10 * WORDS_AT_ONCE
    chinese = ["".join(rng.choices(CHARACTERS, k=length)) for length in lengths]
    return [*chinese, "您好hello world您好", "hello", chinese[5][:5] + " world " + chinese[5][5:]]


@pytest.fixture(scope="module")
def with_dictionary(tmp_path_factory):
    """A model whose words are those of a dictionary, as in the released large one."""
    folder = build_tiny("ct-punc", tmp_path_factory.mktemp("words"))
    (folder / "jieba_usr_dict").write_text("开户流程 100\n信用卡还款 100\n", "utf-8")
    return folder


@pytest.mark.parametrize("folder", ["characters", "words"])
def test_marks_are_those_that_funasr_sets(folder, texts, tiny, with_dictionary):
    folder = with_dictionary if folder == "words" else tiny("ct-punc")
    punctuator = CtPunctuator(folder, CPU, "0" * 64)
    texts = [*texts, "您好请问开户流程怎么走信用卡 还款呢hello world"]
    original = AutoModel(
        model=str(folder),
        device="cpu",
        ncpu=1,
        disable_update=True,
        disable_pbar=True,
        log_level="ERROR",
    )
    for text, ours in zip(texts, punctuator.punctuate(texts), strict=True):
        theirs = original.generate(text)[0]["text"].replace("<unk>", "")
        # funasr also moves spaces and writes capitals; and takes <unk> for a mark at the end.
        assert squeeze(ours)[:-1] == squeeze(theirs)[:-1]


def squeeze(text):
    return re.sub(r"\s", "", text).lower()


def test_a_word_of_the_dictionary_is_never_split(with_dictionary):
    punctuator = CtPunctuator(with_dictionary, CPU, "0" * 64)
    text = "请问开户流程怎么走" * 5
    assert punctuator._begin(text).words.count("开户流程") == 5
    assert punctuator.punctuate([text])[0].count("开户流程") == 5


def test_a_text_gets_the_same_marks_alone_and_among_others(punctuator, texts):
    assert punctuator.punctuate(texts) == [punctuator.punctuate([text])[0] for text in texts]
    assert punctuator.punctuate(texts[::-1]) == punctuator.punctuate(texts)[::-1]


def test_every_text_ends_a_sentence(punctuator, texts):
    assert all(text[-1] in "。？.?" for text in punctuator.punctuate(texts))


@settings(max_examples=30, deadline=None)
@given(text=st.text(alphabet=[*CHARACTERS[:20], " ", "a", "Z", "9", "é", "\n", "-"], max_size=60))
def test_marks_are_inserted_and_nothing_else_is_changed(punctuator, text):
    (written,) = punctuator.punctuate([text])
    assert "".join(character for character in written if character not in MARKS) == text
    assert bool(text.strip()) == (written != text)


def test_nothing_to_punctuate_is_no_error(punctuator):
    assert punctuator.punctuate([]) == []
    assert punctuator.punctuate(["", " "]) == ["", " "]
