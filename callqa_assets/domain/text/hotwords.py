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

SPOKEN_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
_DIGITS = {
    **{digit: f"[{digit}{spoken}]" for digit, spoken in SPOKEN_DIGITS.items()},
    "0": "[0零〇]",
    "1": "[1一幺]",
}

_WORD = re.compile(r"[^\W_]+( [^\W_]+)*")


class HotwordError(CallqaError):
    """A list of hotwords that cannot be used; the message states file, line and cure."""


@dataclass(frozen=True)
class HotwordLists:
    """The default list and those of queues, by the name of their file without its ending."""

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def of(self, queue: str | None) -> tuple[str, ...]:
        """The hotwords of a queue: the default list, then its own; no word twice."""
        own = () if queue is None else self.lists.get(list_name(queue), ())
        return tuple(dict.fromkeys([*self.lists.get(DEFAULT_LIST, ()), *own]))


@dataclass(frozen=True)
class GuardConfig:
    max_difference: float = 0.5
    """A hotword is doubtful where the transcript without hotwords differs from it in more than this
    share of its characters: half of 信用卡还款 must be recognised without help."""
    silence_below_db: float = 25.0
    """Also where its own interval is softer than the segment by more than this: speech varies by
    about 15 dB within a sentence, pauses on a telephone line are 30 dB or more below it."""


def list_name(queue: str) -> str:
    """Name of a queue's list: letters, digits and `-`; every other character becomes `_`."""
    return re.sub(r"[^\w-]", "_", queue).casefold()


def parse_hotwords(text: str, source: str) -> tuple[str, ...]:
    """Hotwords of a list, one per line; `#` begins a comment.

    Raises HotwordError for a word with anything but letters, digits and single spaces, or of more
    than MAX_CHARACTERS.
    """
    words: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
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
    return tuple(dict.fromkeys(words))


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
