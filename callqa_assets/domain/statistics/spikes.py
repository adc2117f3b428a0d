"""Topic spikes: topics of which a day has more calls than the days before let expect.

A count of a quiet topic varies by more than a Poisson count does, and its mean is itself only
estimated from few days. So a day's count is compared with a negative binomial distribution that
has both: the day-to-day noise and the error of the estimates (a predictive distribution). What
textbook tests find here is mostly false (benchmarks/accuracy/spikes.py).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (scipy's distributions are untyped)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

from callqa_assets.domain.statistics.discoveries import adjust_p_values

Floats = NDArray[np.float64]

State = Literal["usual", "spike", "new", "too_young"]
TOLD_STATES: tuple[State, ...] = ("spike", "new")
"""What people are told of; a row of them is superseded, never deleted."""

DAY_CLASSES = 7
"""Classes of days that differ in what people call about: the weekdays, Monday 0."""

_SUNDAY, _MONDAY, _FRIDAY = 6, 0, 4


@dataclass(frozen=True)
class SpikeConfig:
    """When a count is a spike. The defaults were chosen on benchmarks/accuracy/spikes.py."""

    window_days: int = 56
    """Days before a day from which its count is expected."""
    min_days: int = 28
    """With fewer comparable days among them, nothing is said of a topic."""
    false_share: float = 0.065
    """Level of Benjamini and Hochberg's procedure. As the distribution is estimated, 8 % to 9 % of
    the spikes found on simulated days are false; more where some topics are far less steady."""
    min_calls: int = 5
    min_agents: int = 3
    """One agent's habit is no topic. Not asked for where no agent is known."""
    cap_ratio: float = 2.0
    cap_calls: float = 3.0
    """Older spikes count as at most `cap_ratio` x expected + `cap_calls`."""
    least_expected: float = 0.3
    """Calls: of a topic that was never heard as well, such a number would surprise no one."""
    least_dispersion: float = 0.01
    """Smallest variance of the day-to-day noise, as a share of the mean squared: noise of 10 %."""
    informative_calls: float = 50.0
    """Calls a day from which a topic's own dispersion is believed; below, the topics' median."""
    pseudo_calls: float = 2.0
    """Calls added to a weekday's count and its expectation before their ratio is taken."""


DEFAULT_SPIKES = SpikeConfig()


@dataclass(frozen=True)
class Expectation:
    """What each topic's count of a day was expected to be."""

    calls: Floats
    """[topics] mean, calls."""
    variance_share: Floats
    """[topics] variance beyond that of a Poisson count, as a share of the mean squared."""

    def p_values(self, counts: Floats) -> Floats:
        """Probability [topics] of a larger count, and half of that of the count itself (mid-p).

        Without the half, quiet topics would be judged more strictly than others.
        """
        size = 1 / self.variance_share
        success = size / (size + self.calls)
        larger = stats.nbinom.sf(counts, size, success)
        same = stats.nbinom.pmf(counts, size, success)
        return np.asarray(larger + 0.5 * same, np.float64)


def day_class(weekday: int, is_workday: bool | None = None) -> int:
    """The class of a day, 0 to 6: its weekday (Monday 0), unless a holiday makes it another.

    A holiday counts as a Sunday; a Saturday or Sunday on which people work, as the Friday before or
    the Monday after. None: it is not known whether people work.
    """
    if is_workday is None or is_workday == (weekday < 5):
        return weekday
    if not is_workday:
        return _SUNDAY
    return _MONDAY if weekday == _SUNDAY else _FRIDAY


def expect(
    counts: Floats,
    totals: Floats,
    classes: NDArray[np.int64],
    total: Floats,
    of_class: int,
    config: SpikeConfig = DEFAULT_SPIKES,
) -> Expectation:
    """What a day's counts are expected to be.

    Args:
        counts: calls [topics, days] of the days before.
        totals: all calls [topics, days] of which these are; more than 0.
        classes: class of each of the days [days], 0 to 6.
        total: all calls [topics] of the day.
        of_class: its class.
    """
    rates = counts / totals
    base = np.maximum(np.median(rates, 1), config.least_expected / totals.sum(1))
    capped = counts
    for _ in range(2):
        expected = base[:, None] * totals
        capped = np.minimum(counts, config.cap_ratio * expected + config.cap_calls)
        base = capped.sum(1) / totals.sum(1)
    expected = base[:, None] * totals
    factors, factor_variances = _find_class_factors(capped, expected, classes, config)
    means = expected * factors[:, classes]
    noise = _find_dispersion(capped, means, config)
    days = counts.shape[1]
    mean_variance = (
        factor_variances[:, of_class] + noise / days + 1 / np.maximum(capped.sum(1), 1.0)
    )
    calls = np.maximum(total * base * factors[:, of_class], config.least_expected)
    return Expectation(calls, noise + mean_variance)


def _find_class_factors(
    capped: Floats, expected: Floats, classes: NDArray[np.int64], config: SpikeConfig
) -> tuple[Floats, Floats]:
    """Factor of each class of days [topics, classes], and the variance of its logarithm.

    Shrunk towards 1 by how much of their spread is noise (empirical Bayes). A class without days
    has factor 1 and the spread of all factors.
    """
    member = np.eye(DAY_CLASSES)[classes]
    observed, due = capped @ member, expected @ member
    logs = np.log((observed + config.pseudo_calls) / (due + config.pseudo_calls))
    days = member.sum(0)
    noise = 1 / np.maximum(observed, 1.0) + 0.05 / np.maximum(days, 1)
    seen = days > 0
    spread = float(np.clip(logs**2 - noise, 0, None)[:, seen].mean())
    spread = max(1e-4, spread)
    weight = np.where(seen, spread / (spread + noise), 0.0)
    return np.exp(weight * logs), np.where(seen, weight * noise, spread)


def _find_dispersion(capped: Floats, means: Floats, config: SpikeConfig) -> Floats:
    """Variance of the day-to-day noise [topics], as a share of the mean squared, by moments.

    Of a quiet topic the counts say little about it: there the topics' median is taken, which is the
    least for every topic.
    """
    days = means.shape[1]
    # The means were fitted to the same days, by a factor for each class.
    residuals = (capped - means) ** 2 * (days / (days - DAY_CLASSES))
    own = (residuals - means).sum(1) / np.maximum((means**2).sum(1), 1e-9)
    usual = max(config.least_dispersion, float(np.median(own)))
    believed = np.minimum(1.0, means.mean(1) / config.informative_calls)
    return np.maximum(believed * np.maximum(own, usual) + (1 - believed) * usual, usual)


@dataclass(frozen=True)
class TopicHistory:
    """A topic on one day, and on the comparable days before it."""

    topic: str
    calls: int
    total: int
    """All calls of the day."""
    agents: int | None
    """Agents in these calls; None where none is known, and no number of them is asked for."""
    counts: Sequence[int]
    """Calls of each comparable day of the window."""
    totals: Sequence[int]
    """All calls of these days; more than 0."""
    classes: Sequence[int]
    """The days' classes, see `day_class`."""


@dataclass(frozen=True)
class Finding:
    """What is said of a topic on a day."""

    topic: str
    state: State
    days: int
    """Comparable days of the window."""
    expected: float | None = None
    """Calls; None where nothing is said."""
    p_value: float | None = None
    """Probability of so many calls, were it a usual day."""
    q_value: float | None = None
    """Adjusted for the number of topics: share of false ones among the findings up to this one."""


def judge_topics(
    histories: Sequence[TopicHistory], of_class: int, config: SpikeConfig = DEFAULT_SPIKES
) -> list[Finding]:
    """What is said of each topic of a day of the class `of_class`.

    A topic with too few comparable days is `too_young`; one that was never heard on them, and now
    is, is `new`: it has no usual number.
    """
    judged = [h for h in histories if len(h.counts) >= config.min_days and h.total > 0]
    found: dict[str, Finding] = {}
    if judged:
        expectation = _expect_each(judged, of_class, config)
        p_values = expectation.p_values(np.array([h.calls for h in judged], np.float64))
        q_values = adjust_p_values(p_values)
        for number, history in enumerate(judged):
            found[history.topic] = Finding(
                history.topic,
                _name_state(history, float(q_values[number]), config),
                len(history.counts),
                float(expectation.calls[number]),
                float(p_values[number]),
                float(q_values[number]),
            )
    return [found.get(h.topic) or Finding(h.topic, "too_young", len(h.counts)) for h in histories]


def _name_state(history: TopicHistory, q_value: float, config: SpikeConfig) -> State:
    of_several = history.agents is None or history.agents >= config.min_agents
    if q_value > config.false_share or history.calls < config.min_calls or not of_several:
        return "usual"
    return "spike" if any(history.counts) else "new"


def _expect_each(
    histories: Sequence[TopicHistory], of_class: int, config: SpikeConfig
) -> Expectation:
    """Topics are computed together where they have the same days: nearly always all of them."""
    calls, shares = np.empty(len(histories)), np.empty(len(histories))
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, history in enumerate(histories):
        groups.setdefault(tuple(history.classes), []).append(number)
    for classes, members in groups.items():
        own = [histories[number] for number in members]
        expectation = expect(
            np.array([history.counts for history in own], np.float64),
            np.array([history.totals for history in own], np.float64),
            np.array(classes, np.int64),
            np.array([history.total for history in own], np.float64),
            of_class,
            config,
        )
        calls[members], shares[members] = expectation.calls, expectation.variance_share
    return Expectation(calls, shares)
