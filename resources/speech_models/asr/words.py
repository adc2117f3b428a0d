"""Words with times from the tokens of the ASR families.

A word includes the space before it: the words of a segment, joined, are its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import groupby

from callqa_assets.domain.speech import Span, Word

SUBWORD_MARK = "@@"
"""Paraformer's mark at the end of a token whose word the next token continues."""
SPACE_MARK = "▁"
"""SentencePiece's mark of a space before a piece."""


def join_tokens(tokens: Iterable[tuple[str, float, float]]) -> list[Word]:
    """Words from Paraformer's tokens (token, start_s, end_s), written as in funasr.

    Subwords are joined, only words in Latin letters are separated by a space, and single letters
    in a row become an abbreviation in capitals.
    """
    words: list[Word] = []
    for word in _join_letters(list(_join_subwords(tokens))):
        spaced = bool(words) and is_latin(words[-1].word.strip()) and is_latin(word.word)
        words.append(replace(word, word=" " + word.word) if spaced else word)
    return words


def join_pieces(pieces: Iterable[tuple[str, float, float]]) -> list[Word]:
    """Words from SentencePiece's pieces (piece, start_s, end_s).

    Letters after letters, and punctuation after anything, continue the previous word.
    """
    words: list[Word] = []
    for piece, start_s, end_s in pieces:
        written = piece.replace(SPACE_MARK, " ")
        before = words[-1].word if words else ""
        if words and _continues(before, written):
            words[-1] = Word(before + written, words[-1].start_s, end_s)
        else:
            words.append(Word(written, start_s, end_s))
    return [word for word in words if word.word.strip()]


def split_characters(text: str) -> list[str]:
    """Words of a text: each Chinese character, each run of Latin letters or digits.

    A space belongs to the word after it, punctuation to the word before; joined they are the text.
    """
    words: list[str] = []
    for character in text:
        if words and (_continues(words[-1], character) or not words[-1].strip()):
            words[-1] += character
        else:
            words.append(character)
    return words


def spread_evenly(words: Sequence[str], start_s: float, end_s: float) -> list[Word]:
    """Divide start_s..end_s among the words in proportion to their lengths."""
    total = sum(len(word) for word in words)
    timed: list[Word] = []
    done = 0
    for word in words:
        start = start_s + (end_s - start_s) * done / total
        done += len(word)
        timed.append(Word(word, start, start_s + (end_s - start_s) * done / total))
    return timed


def align_words(words: Sequence[str], timed: Sequence[Word], segment: Span) -> list[Word]:
    """Give words the times of the same characters in another transcript of the same segment.

    The two texts are matched character by character (difflib). Words without a match share the time
    between their neighbours, or up to the segment's edge, evenly.
    """
    own = [(c.casefold(), number) for number, word in enumerate(words) for c in word if c.isalnum()]
    theirs = [(c.casefold(), word) for word in timed for c in word.word if c.isalnum()]
    matcher = SequenceMatcher(None, [c for c, _ in own], [c for c, _ in theirs], autojunk=False)
    found: dict[int, list[Word]] = defaultdict(list)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            found[own[block.a + offset][1]].append(theirs[block.b + offset][1])
    result: list[Word] = []
    for is_found, run in groupby(range(len(words)), key=lambda number: number in found):
        numbers = list(run)
        if is_found:
            result += [Word(words[n], found[n][0].start_s, found[n][-1].end_s) for n in numbers]
            continue
        after = numbers[-1] + 1
        edges = (
            result[-1].end_s if result else segment.start_s,
            found[after][0].start_s if after < len(words) else segment.end_s,
        )
        result += spread_evenly([words[n] for n in numbers], min(edges), max(edges))
    return result


def shift_words(words: Iterable[Word], by_s: float, latest_s: float) -> list[Word]:
    """Move words by `by_s`, none beyond `latest_s`; times are rounded to milliseconds."""
    return [
        replace(
            word,
            start_s=round(min(word.start_s + by_s, latest_s), 3),
            end_s=round(min(word.end_s + by_s, latest_s), 3),
        )
        for word in words
    ]


def is_latin(word: str) -> bool:
    """Whether a word is of ASCII letters, digits, ' and -: such words are separated by spaces."""
    return bool(word) and all(c.isascii() and (c.isalnum() or c in "'-") for c in word)


def _continues(before: str, written: str) -> bool:
    if written.startswith(" "):
        return False
    if not any(character.isalnum() for character in written):
        return True
    return is_latin(before[-1:]) and is_latin(written)


def _join_subwords(tokens: Iterable[tuple[str, float, float]]) -> Iterator[Word]:
    part, began_s, ended_s = "", 0.0, 0.0
    for token, start_s, end_s in tokens:
        began_s = began_s if part else start_s
        part, ended_s = part + token.removesuffix(SUBWORD_MARK), end_s
        if not token.endswith(SUBWORD_MARK):
            yield Word(part, began_s, ended_s)
            part = ""
    if part:
        yield Word(part, began_s, ended_s)


def _join_letters(words: Sequence[Word]) -> Iterator[Word]:
    run: list[Word] = []
    for word in [*words, None]:
        if word is not None and len(word.word) == 1 and word.word.isascii() and word.word.isalpha():
            run.append(word)
            continue
        if len(run) > 1:
            spelt = "".join(letter.word.upper() for letter in run)
            yield Word(spelt, run[0].start_s, run[-1].end_s)
        else:
            yield from run
        run = []
        if word is not None:
            yield word
