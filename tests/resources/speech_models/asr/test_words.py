import numpy as np
import pytest
import torch
from funasr.utils.postprocess_utils import sentence_postprocess
from funasr.utils.timestamp_tools import cif_wo_hidden, ts_prediction_lfr6_standard

from callqa_assets.domain.speech import Span, Word
from resources.speech_models.asr.cif import find_token_times
from resources.speech_models.asr.words import (
    align_words,
    join_pieces,
    join_tokens,
    split_characters,
)

TOKENS = {
    "您好请问": list("您好请问"),
    "hello world": ["hel@@", "lo", "world"],
    "您好hello world请问": ["您", "好", "hel@@", "lo", "world", "请", "问"],
    "打开APP看": ["打", "开", "a", "p", "p", "看"],
    "that's it": ["that's", "it"],
    "a": ["a"],
    "好9号": ["好", "9", "号"],
}


def timed(tokens):
    return [(token, float(n), float(n + 1)) for n, token in enumerate(tokens)]


@pytest.mark.parametrize(("text", "tokens"), TOKENS.items())
def test_paraformer_tokens_become_words_as_funasr_joins_them(text, tokens):
    words = join_tokens(timed(tokens))
    assert "".join(word.word for word in words) == text
    _, times, theirs = sentence_postprocess(tokens, [[n, n + 1] for n in range(len(tokens))])
    assert [word.word.strip() for word in words] == theirs
    assert [[word.start_s, word.end_s] for word in words] == times


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["▁", "您", "好", "。"], ["您", "好。"]),
        (["▁hel", "lo", ",", "▁world"], [" hello,", " world"]),
        (["您", "▁app", "le", "好"], ["您", " apple", "好"]),
        (["▁"], []),
        (["1", "5", "8", "元"], ["158", "元"]),
    ],
)
def test_sentencepieces_become_words_with_their_marks(pieces, words):
    assert [word.word for word in join_pieces(timed(pieces))] == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("您好,请问。", ["您", "好,", "请", "问。"]),
        ("hello world您好", ["hello", " world", "您", "好"]),
        ("", []),
        ("158元", ["158", "元"]),
    ],
)
def test_text_without_times_is_split_into_words(text, words):
    assert split_characters(text) == words


def test_words_take_the_times_of_the_same_characters():
    timed = [Word(c, n, n + 0.5) for n, c in enumerate("请问开会流程怎么走", start=10)]
    words = split_characters("请问,开户流程走")
    aligned = align_words(words, timed, Span(9.9, 20))
    assert [word.word for word in aligned] == words
    starts = [word.start_s for word in aligned]
    assert starts == [10, 11, 12, 13 - 0.5, 14, 15, 18]
    assert aligned[3].end_s == 14  # 户: between its neighbours


def test_words_without_a_match_share_the_segment():
    aligned = align_words(["您", "好"], [], Span(1, 2))
    assert [(word.start_s, word.end_s) for word in aligned] == [(1, 1.5), (1.5, 2)]


@pytest.mark.parametrize("seed", range(20))
def test_token_times_are_those_of_funasr(seed):
    rng = np.random.default_rng(seed)
    alphas = rng.uniform(0, 0.6, rng.integers(20, 300)).astype(np.float32)
    alphas[rng.random(len(alphas)) < rng.random()] = 0
    tokens = max(1, int(alphas.sum()) + rng.integers(-1, 2))
    peaks = cif_wo_hidden(torch.tensor(alphas)[None], 1 - 1e-4)[0]
    _, theirs = ts_prediction_lfr6_standard(torch.tensor(alphas), peaks, ["您"] * tokens)
    ours = find_token_times(alphas, tokens, 0.02)
    assert len(ours) == tokens
    if len(theirs) == tokens:
        expected = [[max(0, start), max(0, end)] for start, end in theirs]
        assert np.allclose(np.array(ours) * 1000, expected, atol=1.01)


def test_tokens_without_any_weight_share_the_time():
    assert find_token_times(np.zeros(10, np.float32), 2, 0.1) == [(0, 0.5), (0.5, 1)]
    assert find_token_times(np.zeros(10, np.float32), 0, 0.1) == []
