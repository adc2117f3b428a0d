"""Which language is spoken, from what a recogniser makes of parts of a call. Plain Python.

Speech is recognised for sure within a few seconds, music and noise are not: on real calls the right
language has a probability of 0.92 to 1 in a part of some seconds, over music no language has 0.9.
So parts that are sure decide, and the others follow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Probabilities = Mapping[str, float]
"""By ISO 639-1 code."""


@dataclass(frozen=True)
class LanguageConfig:
    default: str | None = "zh"
    """Language of the centre: taken where none is likely. None: the likeliest, then, too."""
    sure: float = 0.9
    """Probability from which a part of at least `sure_s` speaks for itself."""
    sure_s: float = 2.0
    likely: float = 0.5
    """Least mean probability of a language that no part is sure of, to be taken."""
    window_s: float = 2.0
    """In a part that is not sure, the language is looked for in windows of this length …"""
    hop_s: float = 1.0
    """… this far apart."""
    switch_cost: float = 2.0
    """Sum of probabilities that a change of language must gain."""
    improbable: float = 0.1
    """A stretch of at least three windows in which the language has less is doubtful."""


@dataclass(frozen=True)
class Part:
    """A part of a call: its length and what was recognised in it."""

    seconds: float
    probabilities: Probabilities

    def sure_of(self, config: LanguageConfig) -> str | None:
        """The language of which the part is sure; None where it is not."""
        if self.seconds < config.sure_s:
            return None
        language = max(self.probabilities, key=self.probabilities.__getitem__)
        return language if self.probabilities[language] >= config.sure else None


def decide(
    channel: Sequence[Part], call: Sequence[Part], config: LanguageConfig
) -> tuple[str, bool]:
    """The language of a channel of a call, and whether it is doubtful.

    Of the parts that are sure, the channel's own decide, else those of the other channels. Where no
    part is sure, the language with the largest mean probability is taken if it is likely, and else
    the default. `call` holds the parts of all channels, at least one.
    """
    for parts in (channel, call):
        sure = [
            (part.seconds, {language: 1.0}) for part in parts if (language := part.sure_of(config))
        ]
        if sure:
            return _likeliest(sure)[0], False
    language, mean = _likeliest([(part.seconds, part.probabilities) for part in call])
    if mean < config.likely and config.default is not None:
        return config.default, True
    return language, True


def _likeliest(weighted: Iterable[tuple[float, Probabilities]]) -> tuple[str, float]:
    """The language with the largest mean probability by seconds, and that mean."""
    sums: dict[str, float] = defaultdict(float)
    total = 0.0
    for seconds, probabilities in weighted:
        total += seconds
        for language, probability in probabilities.items():
            sums[language] += seconds * probability
    language = max(sums, key=lambda name: (sums[name], name))
    return language, sums[language] / total


def find_stretches(
    windows: Sequence[Probabilities], config: LanguageConfig
) -> list[tuple[int, int, str]]:
    """Stretches (first window, window after the last, language) of the languages in a part.

    Only languages of which two windows are sure count; none, or one, is no stretch. Found by
    dynamic programming: the largest sum of probabilities, less the cost of the changes.
    """
    sure = [name for window in windows for name, p in window.items() if p >= config.sure]
    languages = sorted(name for name in set(sure) if sure.count(name) >= 2)
    if len(languages) < 2:
        return []
    gains = dict.fromkeys(languages, 0.0)
    came_from: list[dict[str, str]] = []
    for window in windows:
        best = max(languages, key=gains.__getitem__)
        before = {
            name: name if gains[name] >= gains[best] - config.switch_cost else best
            for name in languages
        }
        gains = {
            name: gains[before[name]]
            - (config.switch_cost if before[name] != name else 0.0)
            + window.get(name, 0.0)
            for name in languages
        }
        came_from.append(before)
    spoken = [max(languages, key=gains.__getitem__)]
    for before in reversed(came_from[1:]):
        spoken.append(before[spoken[-1]])
    spoken.reverse()
    changes = [0, *(i for i in range(1, len(spoken)) if spoken[i] != spoken[i - 1]), len(spoken)]
    if len(changes) == 2:
        return []
    return [(first, stop, spoken[first]) for first, stop in pairwise(changes)]


def find_improbable(
    windows: Sequence[Probabilities], language: str, config: LanguageConfig
) -> list[tuple[int, int]]:
    """Stretches (first window, window after the last) of three or more windows in which `language`
    is improbable."""
    doubtful = [window.get(language, 0.0) < config.improbable for window in windows]
    edges = [i for i in range(1, len(doubtful)) if doubtful[i] != doubtful[i - 1]]
    bounds = [0, *edges, len(doubtful)]
    return [
        (first, stop) for first, stop in pairwise(bounds) if stop - first >= 3 and doubtful[first]
    ]
