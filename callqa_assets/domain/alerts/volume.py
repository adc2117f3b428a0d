"""Whether a day's number of alerts is ordinary, compared with the days before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

_MAD_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution whose median absolute deviation is 1."""


@dataclass(frozen=True)
class DayVolume:
    """What fired on one day, and on how much audio."""

    audio_hours: float
    """Of the recordings that the rules have judged."""
    alerts: Mapping[str, int]
    """Standing alerts by rule."""


@dataclass(frozen=True)
class VolumeBounds:
    """Beyond which a day's number of alerts is out of the ordinary."""

    max_deviations: float = 3.5
    """Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), of their modified z-score.

    Chance alone (Poisson, 0.3 to 300 alerts a day) exceeds it on at most 0.6 % of days: simulated.
    """
    min_days: int = 5
    """With fewer past days that have audio, nothing is judged."""


def judge_volume(
    today: DayVolume, past: Sequence[DayVolume], bounds: VolumeBounds | None = None
) -> list[str]:
    """What is odd about a day's alerts, in words: altogether first, then rule by rule.

    Expected is the median of the past days' alerts per audio hour, times today's hours; spread is
    the past's median absolute deviation, but at least that of a Poisson count (the root of what
    is expected, or of 1). Neither is moved by one odd day in the past. Days without audio count
    for nothing; with fewer than `min_days` others, nothing is odd.
    """
    bounds = bounds or VolumeBounds()
    with_audio = [day for day in past if day.audio_hours > 0]
    if len(with_audio) < bounds.min_days or today.audio_hours <= 0:
        return []
    findings: list[str] = []
    rules = sorted({rule for day in (today, *with_audio) for rule in day.alerts})
    for subject, counted in (("all rules", rules), *((rule, [rule]) for rule in rules)):
        count = _count(today, counted)
        rates = [_count(day, counted) / day.audio_hours for day in with_audio]
        rate = median(rates)
        expected = rate * today.audio_hours
        spread = max(
            _MAD_TO_DEVIATION * median(abs(r - rate) for r in rates) * today.audio_hours,
            max(expected, 1.0) ** 0.5,
        )
        if abs(count - expected) > bounds.max_deviations * spread:
            findings.append(
                f"{subject}: {count} alerts in {today.audio_hours:.1f} audio hours, expected "
                f"{expected:.1f} ± {spread:.1f} from the previous {len(with_audio)} days"
            )
    return findings


def _count(day: DayVolume, rules: Sequence[str]) -> int:
    return sum(day.alerts.get(rule, 0) for rule in rules)
