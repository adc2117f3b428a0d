"""Hotwords: the list of each queue, and which hotwords in a text the audio does not support.

A transcriber that is given hotwords sometimes writes them where they were not said. Such a word is
marked as doubtful, and both transcripts are kept, so that nobody is accused of what a list
suggested. Decoding with and without hotwords is in `resources.speech_models.asr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from callqa_assets.domain.errors import CallqaError

DEFAULT_LIST = "default"
MAX_CHARACTERS = 20
"""Longer than any name or product; a whole sentence as a hotword suppresses others."""
MAX_HOTWORDS = 500
"""Of one call: with more, a list suggests anything."""

SPOKEN_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
_DIGITS = {
    **{digit: f"[{digit}{spoken}]" for digit, spoken in SPOKEN_DIGITS.items()},
    "0": "[0零〇]",
    "1": "[1一幺]",
}

_WORD = re.compile(r"[^\W_]+( [^\W_]+)*")
_WEIGHTED = re.compile(r"(.*?\S)(\s+)(\d{1,3}(?:\.\d+)?)")
"""`阿里巴巴 20`: the form of FunASR's lists."""


class HotwordError(CallqaError):
    """A list of hotwords that cannot be used; the message states file, line and cure."""


@dataclass(frozen=True)
class HotwordLists:
    """The default list and those of queues, by the name of their file without its ending."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def of(self, queue: str | None, own: str | None = None) -> tuple[str, ...]:
        """The hotwords of a call: the default list, its queue's, and its own, one a line; no word
        twice."""
        of_queue = () if queue is None else self.lists.get(list_name(queue), ())
        words = [*self.lists.get(DEFAULT_LIST, ()), *of_queue, *(own or "").splitlines()]
        return tuple(dict.fromkeys(words))


@dataclass(frozen=True)
class GuardConfig:
    max_difference: float = 0.5
    """A hotword is doubtful where the transcript without hotwords differs from it in more than this
    share of its characters: half of 信用卡还款 must be recognised without help."""
    silence_below_db: float = 25.0
    """Also where its own interval is softer than the segment by more than this: speech varies by
    about 15 dB within a sentence, pauses on a telephone line are 30 dB or more below it."""


def is_hotword(word: str) -> bool:
    """Whether it can be used: letters, digits and single spaces, not too long."""
    return len(word) <= MAX_CHARACTERS and _WORD.fullmatch(word) is not None


def list_name(queue: str) -> str:
    """Name of a queue's list: letters, digits and `-`; every other character becomes `_`."""
    return re.sub(r"[^\w-]", "_", queue).casefold()


@dataclass(frozen=True)
class HotwordList:
    """One list as written."""

    words: tuple[str, ...]
    """No word twice."""
    weights_dropped: int
    """Lines with a weight after FunASR's fashion; no transcriber here takes one."""


def parse_hotwords(text: str, source: str) -> HotwordList:
    """Hotwords of a list, one per line; `#` begins a comment.

    A number after a Chinese word, or after a tab, is a weight (`阿里巴巴 20`). After a Latin word
    and a space it may belong to the name (`iPhone 15`): it is a weight only where every line ends
    with one and not all of them are of that kind.

    Raises HotwordError for a word with anything but letters, digits and single spaces, or of more
    than MAX_CHARACTERS.
    """
    lines = [(n, line.partition("#")[0].strip()) for n, line in enumerate(text.splitlines(), 1)]
    written = [(number, line, _WEIGHTED.fullmatch(line)) for number, line in lines if line]
    certain = [match is not None and _is_weight(match) for _, _, match in written]
    all_weighted = any(certain) and all(match for _, _, match in written)
    words: list[str] = []
    dropped = 0
    for (number, line, match), sure in zip(written, certain, strict=True):
        word = line
        if match and (sure or all_weighted):
            word = match.group(1)
            dropped += 1
        if not _WORD.fullmatch(word):
            raise HotwordError(
                f"{source}, line {number}: {word!r} holds more than letters, digits and single "
                "spaces; write it as it is spoken, one per line"
            )
        if len(word) > MAX_CHARACTERS:
            raise HotwordError(
                f"{source}, line {number}: {word!r} has {len(word)} characters, and at most "
                f"{MAX_CHARACTERS} are of use; name the words that matter in it"
            )
        words.append(word)
    return HotwordList(tuple(dict.fromkeys(words)), dropped)


def _is_weight(weighted: re.Match[str]) -> bool:
    word, gap, _ = weighted.groups()
    return gap != " " or not word[-1].isascii()


def find_hotwords(text: str, hotwords: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Each occurrence of a hotword in the text, as (hotword, start, end).

    Case, spaces between characters, and whether a digit is written 9 or 九, do not matter.
    """
    for hotword in hotwords:
        pattern = r"\s*".join(_DIGITS.get(c, re.escape(c)) for c in hotword.replace(" ", ""))
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield hotword, match.start(), match.end()


def share_of_difference(text: str, start: int, end: int, other: str) -> float:
    """Share of the characters start..end of `text` that `other` lacks at that place, 0..1.

    The place is found by aligning the two texts; spaces and case do not matter.
    """
    first, place = _bare(text), (len(_bare(text[:start])), len(_bare(text[:end])))
    matcher = SequenceMatcher(None, first, _bare(other), autojunk=False)
    kept = sum(
        max(0, min(block.a + block.size, place[1]) - max(block.a, place[0]))
        for block in matcher.get_matching_blocks()
    )
    return 1 - kept / (place[1] - place[0])


def _bare(text: str) -> str:
    return re.sub(r"\s", "", text).casefold()
