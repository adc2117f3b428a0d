"""Test suites of alert rules: small calls written in YAML, and the alerts that they should fire.

A case describes a call's annotations (`call_input`), so that rules are tested without audio and
models. Which files are read is decided by the command; docs/rules_tools.md describes the format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.call_input import (
    CallAnnotations,
    CallContext,
    ChannelTrack,
)
from callqa_assets.domain.rules.conditions.keys import Keys, SomeSeconds
from callqa_assets.domain.rules.engine.evaluate import FiredAlert, evaluate
from callqa_assets.domain.rules.rule_set import RuleSet
from callqa_assets.domain.text.spoken_text import SpokenSegment
from callqa_assets.domain.yaml_config import ConfigError, load

HOP_S = 0.25
"""Hop of the emotion track's windows: lengths of emotion are multiples of it."""
MAX_YAML_NODES = 100_000
_TOLERANCE_S = 0.005

Role = Literal["agent", "customer", "mixed"]
Seconds = Annotated[float, Field(ge=0, le=36_000)]


class SuiteError(ConfigError):
    """A suite that cannot be run."""


def _whole_hops(seconds: float) -> float:
    if abs(seconds / HOP_S - round(seconds / HOP_S)) > 1e-9:
        raise ValueError(f"is no multiple of {HOP_S} s, the hop of the track's windows; round it")
    return seconds


Share = Annotated[float, Field(ge=0, le=1)]


class EmotionInterval(Keys):
    """Posteriors that are constant for some seconds: `{sec: 2, angry: 0.7}`.

    The rest of 1 is neutral; where neutral is named, the emotions not named share it equally.
    """

    sec: Annotated[SomeSeconds, AfterValidator(_whole_hops)]
    angry: Share | None = None
    disgusted: Share | None = None
    fearful: Share | None = None
    happy: Share | None = None
    neutral: Share | None = None
    other: Share | None = None
    sad: Share | None = None
    surprised: Share | None = None
    unknown: Share | None = None

    @model_validator(mode="after")
    def _at_most_one(self) -> EmotionInterval:
        if self.left < -1e-9:
            raise ValueError("the emotions add up to more than 1; lower one")
        return self

    @property
    def left(self) -> float:
        return 1 - sum(getattr(self, emotion) or 0.0 for emotion in EMOTIONS)

    def posteriors(self) -> list[float]:
        """In `EMOTIONS` order."""
        sharing = [e for e in EMOTIONS if getattr(self, e) is None]
        if "neutral" in sharing:
            sharing = ["neutral"]
        rest = {emotion: self.left / len(sharing) for emotion in sharing}
        return [rest.get(e, getattr(self, e) or 0.0) for e in EMOTIONS]


class Speech(Keys):
    """A speech segment of one channel: its emotions, its text and its level."""

    role: Role
    start: Seconds
    end: Seconds | None = None
    """In seconds; by default, where `feels` ends."""
    feels: tuple[EmotionInterval, ...] = ()
    says: str = ""
    level_dbfs: float = -25.0

    @model_validator(mode="after")
    def _has_an_end(self) -> Speech:
        if (self.end is None) == (not self.feels):
            raise ValueError("needs either `feels` or `end`, which state how long it is")
        if self.end_s <= self.start:
            raise ValueError("ends before it starts; `end` must be after `start`")
        return self

    @property
    def end_s(self) -> float:
        return self.start + sum(s.sec for s in self.feels) if self.end is None else self.end


class Call(Keys):
    """The facts of the call, all optional."""

    roles: tuple[Role, ...] = ("agent", "customer")
    """One per channel."""
    duration_sec: SomeSeconds | None = None
    """By default, until the last segment ends."""
    line: str | None = None
    queue: str | None = None
    agent: str | None = None
    language: str | None = None
    hour: Annotated[int, Field(ge=0, le=23)] | None = None


class Expected(Keys):
    """An alert that should fire within an interval of the call."""

    rule: str
    role: Role | None = None
    between: tuple[Seconds, Seconds]
    """Seconds between which it begins and ends."""
    inhibited: bool = False

    def fits(self, alert: FiredAlert) -> bool:
        first, last = self.between
        return (
            alert.rule == self.rule
            and self.role in (None, alert.role)
            and (alert.inhibited_by is not None) == self.inhibited
            and alert.started_s >= first - _TOLERANCE_S
            and alert.ended_s <= last + _TOLERANCE_S
        )

    def __str__(self) -> str:
        on = f" on {self.role}" if self.role else ""
        first, last = self.between
        return f"{self.rule}{on} between {first:g} and {last:g} s{_inhibited(self.inhibited)}"


class Case(Keys):
    """One call, and every alert that it fires."""

    name: str
    call: Call = Call()
    speech: tuple[Speech, ...] = ()
    expect: tuple[Expected, ...]

    @model_validator(mode="after")
    def _segments_are_disjoint(self) -> Case:
        spoken_until_s = dict.fromkeys(self.call.roles, 0.0)
        for part in sorted(self.speech, key=lambda part: part.start):
            if part.role not in spoken_until_s:
                raise ValueError(
                    f"no channel has the role {part.role}; name it in `call: {{roles: […]}}`"
                )
            if part.start < spoken_until_s[part.role] - _TOLERANCE_S:
                raise ValueError(
                    f"{part.role} at {part.start:g} s overlaps the segment before; start later"
                )
            spoken_until_s[part.role] = part.end_s
        return self


class Suite(Keys):
    """The cases of one rules file."""

    rules: Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")]
    """Name of the file, in the configuration folder."""
    cases: tuple[Case, ...] = Field(min_length=1)


@dataclass(frozen=True)
class CaseResult:
    """Expected alerts that did not fire, and alerts that were not expected."""

    name: str
    missing: Sequence[Expected]
    unexpected: Sequence[FiredAlert]

    @property
    def passed(self) -> bool:
        return not self.missing and not self.unexpected

    def describe(self) -> list[str]:
        """One line per difference."""
        return [
            *(f"expected: {expected}" for expected in self.missing),
            *(f"got: {_describe(alert)}" for alert in self.unexpected),
        ]


def load_suite(text: str, *, source: str) -> Suite:
    """A suite from its YAML text. Raises SuiteError with every problem found."""
    return load(
        text,
        Suite,
        source=source,
        error=SuiteError,
        entries={"cases": "case"},
        max_nodes=MAX_YAML_NODES,
    ).value


def run_case(case: Case, rule_set: RuleSet) -> CaseResult:
    """Evaluate the rules on the case's call. Each alert meets at most one expectation."""
    fired = evaluate(rule_set, _context(case), _annotate(case))
    missing: list[Expected] = []
    for expected in case.expect:
        met = next((alert for alert in fired if expected.fits(alert)), None)
        if met is None:
            missing.append(expected)
        else:
            fired = [alert for alert in fired if alert is not met]
    return CaseResult(case.name, missing, fired)


def _context(case: Case) -> CallContext:
    call = case.call
    last_word_s = max((part.end_s for part in case.speech), default=1.0)
    return CallContext(
        recording_id=case.name,
        duration_s=call.duration_sec or last_word_s,
        roles=call.roles,
        facts=CallFacts(
            line=call.line, queue=call.queue, agent_id=call.agent, language=call.language
        ),
        hour=call.hour,
    )


def _annotate(case: Case) -> CallAnnotations:
    by_channel = [
        (case.call.roles.index(part.role), number, part) for number, part in enumerate(case.speech)
    ]
    return CallAnnotations(
        tracks=[
            _track(channel, number, part) for channel, number, part in by_channel if part.feels
        ],
        segments=[
            SpokenSegment(
                channel, part.start, part.end_s, part.level_dbfs, text=part.says, text_raw=part.says
            )
            for channel, _, part in by_channel
        ],
    )


def _track(channel: int, segment_no: int, part: Speech) -> ChannelTrack:
    """Windows as long as their hop, so that each stands for 0.25 s of its own."""
    posteriors = np.concatenate(
        [
            np.tile(interval.posteriors(), (round(interval.sec / HOP_S), 1))
            for interval in part.feels
        ]
    )
    start_s = part.start + HOP_S * np.arange(len(posteriors), dtype=np.float64)
    return ChannelTrack(
        channel=channel,
        segment_no=np.full(len(posteriors), segment_no),
        start_s=start_s,
        end_s=start_s + HOP_S,
        posteriors=posteriors,
        hop_s=HOP_S,
    )


def _describe(alert: FiredAlert) -> str:
    return (
        f"{alert.rule} on {alert.role} from {alert.started_s:g} to {alert.ended_s:g} s"
        f"{_inhibited(alert.inhibited_by is not None)}"
    )


def _inhibited(inhibited: bool) -> str:
    return ", inhibited" if inhibited else ""
