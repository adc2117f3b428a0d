"""How characters sound: pinyin without tones, and classes of syllables that sound alike.

Speech recognition of Chinese errs mostly among characters that sound alike; compared by sound, most
of its errors vanish. A character with several readings has all of them: which one is meant is not
decided.
"""

from __future__ import annotations

import re
from functools import cache

from pypinyin import Style, pinyin

from callqa_assets.domain.text.patterns import fold

VERSION = "1"
"""Part of the fingerprint of what is matched by sound: raise it whenever any reading changes."""

_SPOKEN_DIGITS = {
    **dict(zip("0123456789", "零一二三四五六七八九", strict=True)),
    "0": "零洞",
    "1": "一幺",
    "2": "二两",
}
"""0 and 1 are read dòng and yāo where they could be misheard."""

_CONFUSED_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("l", "n"))
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")


@cache  # as many as there are characters
def readings(character: str) -> frozenset[str]:
    """The syllables, without tones, as which one character may be read; empty: it is not spoken.

    A Latin letter is a reading of its own, in upper case so that it is no syllable; a digit has the
    readings of its numeral.
    """
    folded = fold(character).strip()[:1]
    if folded in _SPOKEN_DIGITS:
        return frozenset(r for numeral in _SPOKEN_DIGITS[folded] for r in readings(numeral))
    if not _HAN.match(folded):
        return frozenset(folded.upper())
    (found,) = pinyin(folded, style=Style.NORMAL, heteronym=True)
    return frozenset(found)


@cache
def sounds(character: str) -> frozenset[str]:
    """The classes of a character's readings."""
    return frozenset(sound_class(reading) for reading in readings(character))


def sound_class(syllable: str) -> str:
    """What a syllable is hard to tell from on the telephone, or in a southern accent: zh and z, ch
    and c, sh and s, l and n, -ng and -n are one.
    """
    for confused, initial in _CONFUSED_INITIALS:
        if syllable.startswith(confused):
            syllable = initial + syllable.removeprefix(confused)
    return syllable[:-1] if syllable.endswith("ng") else syllable


def is_han(character: str) -> bool:
    """Whether it is a Chinese character."""
    return bool(_HAN.match(character))
