"""Whether a day's number of alerts is usual, compared with the days before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

_MAD_TO_DEVIATION = 1.4826
"""Standard deviation of a normal distribution whose median absolute deviation is 1."""


@dataclass(frozen=True)
class DayVolume:
    """The alerts of one day, and the audio on which they fired."""

    audio_hours: float
    """Of the recordings on which rules were evaluated."""
    alerts: Mapping[str, int]
    """Alerts by rule, without superseded ones."""


@dataclass(frozen=True)
class VolumeBounds:
    """Limits beyond which a day's number of alerts is unusual."""

    max_deviations: float = 3.5
    """Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), of their modified z-score.

    Chance alone (Poisson, 0.3 to 300 alerts a day) exceeds it on at most 0.6 % of days: simulated.
    """
    min_days: int = 5
    """With fewer past days that have audio, no day is compared."""


def judge_volume(
    today: DayVolume, past: Sequence[DayVolume], bounds: VolumeBounds | None = None
) -> list[str]:
    """What is unusual about a day's alerts, one sentence per finding: all rules, then each rule.

    Expected is the median of the past days' alerts per hour of audio, times today's hours; the
    spread is the past's median absolute deviation, but at least that of a Poisson count (the
    square root of the expected number, or 1). One unusual day in the past moves neither. Days
    without audio are ignored; with fewer than `min_days` others there are no findings.
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
