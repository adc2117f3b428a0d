"""Words of a text, to be counted: which words a day's calls use, and unhappy calls in particular.

Han characters are cut into words by jieba's dictionary and by words of the site: topics' phrases
and hotwords. Words that neither knows are left out, and with them most names of people: they are
cut into single characters, which do not count.
"""

# pyright: reportUnknownMemberType=false
# (jieba is untyped)

from __future__ import annotations

import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

from callqa_assets.domain.text.patterns import widen
from callqa_assets.domain.topics.stop_words import STOP_WORDS

with warnings.catch_warnings():
    # It imports pkg_resources, and has escapes that Python warns of.
    warnings.simplefilter("ignore")
    import jieba  # pyright: ignore[reportMissingTypeStubs]

VERSION = f"1, jieba {jieba.__version__}"
"""Changes with what is counted."""

MAX_TERM_CHARACTERS = 30
_MAX_OWN_CHARACTERS = 12
"""Longer phrases are sentences, no words."""

_UNSEPARATED = ("ja", "th", "lo", "km", "my")
"""Languages written without spaces that jieba does not know: their words cannot be counted."""

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUN = re.compile(rf"[\w&+#.'’-]*[{_HAN}][\w&+#.'’-]*|[^\W_]+(?:['’-][^\W_]+)*")
"""A stretch with Han characters, or a word of another script."""
_HAS_HAN = re.compile(rf"[{_HAN}]")
_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿两几半多第个块元角分钱点年月日号天次")

Cut = Callable[[str], Iterable[str]]


def has_countable_words(language: str) -> bool:
    """Whether words of a language (ISO 639 code; '' if not known) are counted."""
    return language not in _UNSEPARATED


def count_terms(texts: Iterable[str], own_words: tuple[str, ...]) -> Counter[str]:
    """How often each word occurs, case-folded; without stop words, numbers, single characters.

    `own_words` are words beside those of the dictionary; of them, those with digits count as well.
    """
    cut, known = _load_cutter(own_words)
    counted: Counter[str] = Counter()
    for text in texts:
        for run in _RUN.findall(widen(text).casefold()):
            words = cut(run) if _HAS_HAN.search(run) else (run,)
            counted.update(word for word in words if word in known or _counts(word))
    return counted


@lru_cache(maxsize=1 << 16)
def _counts(word: str) -> bool:
    if not 2 <= len(word) <= MAX_TERM_CHARACTERS or word in STOP_WORDS:
        return False
    return not any(c.isdigit() for c in word) and not _NUMERALS.issuperset(word) and _is_word(word)


def _is_word(word: str) -> bool:
    return sum(character.isalpha() for character in word) >= 2


@lru_cache(maxsize=4)
def _load_cutter(own_words: tuple[str, ...]) -> tuple[Cut, frozenset[str]]:
    """A function that cuts text into words, and the site's words as it returns them."""
    cutter = _new_tokenizer()
    frequencies, cutter.total = _load_dictionary()
    cutter.FREQ = dict(frequencies)
    known = {word.casefold().replace(" ", "") for word in map(widen, own_words)}
    known = {word for word in known if 2 <= len(word) <= _MAX_OWN_CHARACTERS and word.isalnum()}
    for word in sorted(known):
        cutter.add_word(word)
    return (lambda text: cutter.lcut(text, HMM=False)), frozenset(known)


@cache
def _load_dictionary() -> tuple[dict[str, int], int]:
    """jieba's dictionary, read once for all lists of words.

    By jieba itself it would be kept in a file that all users of the machine may write.
    """
    cutter = _new_tokenizer()
    frequencies, total = cutter.gen_pfdict(cutter.get_dict_file())
    return frequencies, total


def _new_tokenizer() -> Any:
    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    cutter.initialized = True
    return cutter
