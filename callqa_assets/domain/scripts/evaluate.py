"""Which items of its scripts a call meets, with what was heard as evidence.

All calls of a batch are searched at once; each call is then judged by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, get_args

from callqa_assets.domain.rules.call_input import CallContext
from callqa_assets.domain.scripts.channel_speech import Passage, find_passages
from callqa_assets.domain.scripts.phrases import (
    Pattern,
    Tolerance,
    exact_patterns,
    tolerant_patterns,
)
from callqa_assets.domain.scripts.script_set import (
    ForbiddenItem,
    Item,
    Matching,
    MentionedItem,
    RequiredItem,
    Script,
    ScriptSet,
    Speaker,
    order_of_judging,
)
from callqa_assets.domain.scripts.search import PhraseSearch
from callqa_assets.domain.scripts.spelling import PAUSE, spell
from callqa_assets.domain.text.spoken_text import SpokenSegment

Outcome = Literal["passed", "missed", "unsure", "forbidden", "not_applicable"]
Reason = Literal[
    "not_said",
    "out_of_place",
    "doubtful_text",
    "role_unknown",
    "negation",
    "not_mentioned",
    "nobody_spoke",
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
REASONS: tuple[str, ...] = get_args(Reason)

_SIDES = ("agent", "customer")


class Call(NamedTuple):
    """What is judged."""

    context: CallContext
    segments: Sequence[SpokenSegment]


class Said(NamedTuple):
    """Where a phrase was heard; seconds from the recording's start."""

    start_s: float
    end_s: float
    channel: int
    role: str
    place: tuple[int, int, int]
    """Passage, start and end in its text: what tells the order where words have no times."""
    score: float
    text: str
    is_negated: bool
    has_pause: bool
    """It goes over the end of a clause."""

    def begins_after(self, other: Said) -> bool:
        if self.channel == other.channel:
            return self.place[:2] > other.place[:2]
        return self.start_s > other.start_s

    def lies_in(self, other: Said) -> bool:
        """Whether all of it is part of the other's words."""
        (passage, start, end), (others, first, last) = self.place, other.place
        return passage == others and first <= start and end <= last


@dataclass(frozen=True)
class Check:
    """One item of one script in one call."""

    script: str
    item: str
    expected: str
    """The item's wordings."""
    outcome: Outcome
    reason: Reason | None = None
    """None: `passed` and `forbidden` need none."""
    said: Said | None = None
    """The evidence, where there is any."""
    needs_review: bool = False
    window_s: tuple[float, float] | None = None
    """Seconds of the recording within which it was to be said."""


@dataclass(frozen=True)
class ScriptChecker:
    """A script set, ready to judge calls."""

    scripts: ScriptSet

    def check(self, calls: Sequence[Call]) -> list[list[Check]]:
        """For each call, the items of every script that is for it, in the file's order."""
        passages = [list(find_passages(call.segments)) for call in calls]
        found = self._search(passages)
        return [
            [
                check
                for script in self.scripts.scripts
                if script.when is None or script.when.covers(call.context)
                for check in _Judge(call, script, self.scripts.matching, said).checks()
            ]
            for call, said in zip(calls, found, strict=True)
        ]

    @cached_property
    def _patterns(self) -> dict[Pattern, list[tuple[str, str, str]]]:
        """Each pattern of the file once, with the items that use it and for what."""
        uses: defaultdict[Pattern, list[tuple[str, str, str]]] = defaultdict(list)
        for script in self.scripts.scripts:
            for item in script.items:
                for use, patterns in _patterns_of(item, self.scripts.matching).items():
                    for pattern in patterns:
                        uses[pattern].append((script.name, item.name, use))
        return dict(uses)

    @cached_property
    def _searches(self) -> tuple[tuple[bool, PhraseSearch], ...]:
        """Patterns without slots and those with, for which numbers are one character each."""
        return tuple(
            (numbers, PhraseSearch([p for p in self._patterns if p.has_slots == numbers]))
            for numbers in (False, True)
        )

    def _search(
        self, passages: Sequence[Sequence[Passage]]
    ) -> list[Mapping[tuple[str, str, str], list[Said]]]:
        """For each call, where each item's phrases were heard."""
        flat = [(call, number) for call, own in enumerate(passages) for number in range(len(own))]
        found: list[defaultdict[tuple[str, str, str], list[Said]]]
        found = [defaultdict(list) for _ in passages]
        for numbers, search in self._searches:
            if not search.patterns:
                continue
            texts = [spell(passages[call][n].text, numbers=numbers) for call, n in flat]
            for hit in search.find(texts):
                call, number = flat[hit.text]
                passage, pattern = passages[call][number], search.patterns[hit.pattern]
                said = Said(
                    *passage.seconds_of(hit.start, hit.end),
                    channel=passage.channel,
                    role=passage.role,
                    place=(number, hit.start, hit.end),
                    score=round(pattern.score(hit.distance), 1),
                    text=passage.text[hit.start : hit.end].replace("\n", " "),
                    is_negated=hit.is_negated,
                    has_pause=PAUSE in texts[hit.text][hit.start : hit.end],
                )
                for use in self._patterns[pattern]:
                    found[call][use].append(said)
        return [dict(of_call) for of_call in found]


def _patterns_of(item: Item, matching: Matching) -> Mapping[str, list[Pattern]]:
    """What is searched for: forbidden phrases exactly, others with errors where they are long."""
    if isinstance(item, ForbiddenItem):
        return {
            "said": [p for phrase in item.forbidden for p in exact_patterns(phrase)],
            "unless": [p for phrase in item.unless for p in exact_patterns(phrase)],
        }
    phrases = item.required if isinstance(item, RequiredItem) else item.mentioned
    own_score = item.min_score if isinstance(item, RequiredItem) else None
    tolerance = Tolerance(matching.min_score if own_score is None else own_score)
    return {"said": [p for phrase in phrases for p in tolerant_patterns(phrase, tolerance)]}


@dataclass(frozen=True)
class _Judge:
    """One script on one call."""

    call: Call
    script: Script
    matching: Matching
    found: Mapping[tuple[str, str, str], list[Said]]

    def checks(self) -> list[Check]:
        """In the order of the file."""
        first_said: dict[str, Said | None] = {}
        checks: dict[str, Check] = {}
        for item in order_of_judging(self.script):
            if isinstance(item, MentionedItem):
                first_said[item.name] = min(self._hits(item), default=None)
                continue
            if not self.call.segments:
                check = self._say(item, "not_applicable", "nobody_spoke")
            elif isinstance(item, ForbiddenItem):
                check = self._judge_forbidden(item)
            else:
                check = self._judge_required(item, first_said)
            checks[item.name] = check
            if isinstance(item, ForbiddenItem):
                first_said[item.name] = check.said if check.outcome == "forbidden" else None
            else:
                first_said[item.name] = check.said if check.outcome == "passed" else None
        return [checks[item.name] for item in self.script.judged]

    def _judge_required(self, item: RequiredItem, first_said: Mapping[str, Said | None]) -> Check:
        links = {key: first_said[name] for key, name in item.named.items()}
        if any(said is None and self._depends(item, key) for key, said in links.items()):
            return self._say(item, "not_applicable", "not_mentioned")
        before, after = links.get("before"), links.get("after")
        window_s = self._window_s(item, before, after)
        hits = sorted(self._hits(item), key=lambda said: (-said.score, said.start_s))
        placed = [said for said in hits if _is_placed(said, item, window_s, before, after)]
        if heard := [said for said in placed if not said.is_negated]:
            return self._say(item, "passed", said=heard[0], window_s=window_s)
        if placed:
            return self._say(item, "unsure", "negation", placed[0], window_s, review=True)
        if doubt := self._doubt(item.role, window_s):
            return self._say(item, "unsure", doubt, window_s=window_s)
        elsewhere = next((said for said in hits if not said.is_negated), None)
        reason: Reason = "out_of_place" if elsewhere else "not_said"
        return self._say(item, "missed", reason, elsewhere, window_s)

    def _depends(self, item: RequiredItem, key: str) -> bool:
        """Whether nothing is asked where what it names was not said.

        What another required item should have said is that item's own miss, and lifts the order.
        """
        (named,) = (other for other in self.script.items if other.name == item.named[key])
        return key == "only_with" or not isinstance(named, RequiredItem)

    def _judge_forbidden(self, item: ForbiddenItem) -> Check:
        guards = self.found.get((self.script.name, item.name, "unless"), [])
        window_s = self._conversation_s
        denied: Said | None = None
        for said in sorted(self._hits(item)):
            around = [guard for guard in guards if said.lies_in(guard)]
            if said.is_negated or around:
                # 不，保本: no guard that a pause interrupts.
                if all(guard.has_pause for guard in around):
                    denied = denied or said
            elif self._is_role_known(item.role):
                return self._say(item, "forbidden", None, said, window_s, review=True)
            else:
                return self._say(item, "unsure", "role_unknown", said, window_s, review=True)
        if denied:
            return self._say(item, "unsure", "negation", denied, window_s, review=True)
        if self._was_heard_badly(item.role, window_s):
            return self._say(item, "unsure", "doubtful_text", window_s=window_s)
        return self._say(item, "passed", window_s=window_s)

    def _say(
        self,
        item: RequiredItem | ForbiddenItem,
        outcome: Outcome,
        reason: Reason | None = None,
        said: Said | None = None,
        window_s: tuple[float, float] | None = None,
        review: bool = False,
    ) -> Check:
        phrases = item.required if isinstance(item, RequiredItem) else item.forbidden
        expected = " / ".join(phrases)
        return Check(self.script.name, item.name, expected, outcome, reason, said, review, window_s)

    def _hits(self, item: Item) -> Iterator[Said]:
        """Where its phrases were heard, from whoever is to say them, or may be."""
        for said in self.found.get((self.script.name, item.name, "said"), []):
            if said.role in self._roles(item.role):
                yield said

    def _is_role_known(self, speaker: Speaker) -> bool:
        """Whether there is a channel on which nobody else speaks."""
        return speaker == "anyone" or speaker in self._all_roles

    def _roles(self, speaker: Speaker) -> set[str]:
        """Roles of the channels on which the speaker is, or may be."""
        if speaker == "anyone":
            return self._all_roles
        return {speaker} if self._is_role_known(speaker) else self._all_roles - {*_SIDES}

    @cached_property
    def _all_roles(self) -> set[str]:
        """Of the channels; of two copies of one mixed channel, the one with the speech counts."""
        heard = {segment.role for segment in self.call.segments}
        return heard if "mixed" in heard else {*heard, *self.call.context.roles}

    @cached_property
    def _conversation_s(self) -> tuple[float, float]:
        """From the first speech of anybody to the last."""
        segments = self.call.segments
        return min(s.start_s for s in segments), max(s.end_s for s in segments)

    def _window_s(
        self, item: RequiredItem, before: Said | None, after: Said | None
    ) -> tuple[float, float]:
        first_s, last_s = start_s, end_s = self._conversation_s
        if item.within_first_sec is not None:
            end_s = min(end_s, first_s + item.within_first_sec)
        if item.within_last_sec is not None:
            start_s = max(start_s, last_s - item.within_last_sec)
        if before is not None:
            end_s = min(end_s, before.start_s)
        if after is not None:
            start_s = max(start_s, after.start_s)
        return start_s, max(start_s, end_s)

    def _doubt(self, speaker: Speaker, window_s: tuple[float, float]) -> Reason | None:
        """Why it cannot be said that the speaker did not say something; None where it can."""
        if not self._is_role_known(speaker):
            return "role_unknown"
        return "doubtful_text" if self._was_heard_badly(speaker, window_s) else None

    def _was_heard_badly(self, speaker: Speaker, window_s: tuple[float, float]) -> bool:
        """Whether what the speaker says in the window was heard badly: by mean confidence of its
        seconds.
        """
        heard_s = sure_s = 0.0
        for segment in self.call.segments:
            if segment.role in self._roles(speaker):
                inside_s = min(segment.end_s, window_s[1]) - max(segment.start_s, window_s[0])
                heard_s += max(0.0, inside_s)
                sure_s += max(0.0, inside_s) * segment.confidence
        return heard_s > 0 and sure_s / heard_s < self.matching.min_confidence


def _is_placed(
    said: Said,
    item: RequiredItem,
    window_s: tuple[float, float],
    before: Said | None,
    after: Said | None,
) -> bool:
    return (
        (item.within_first_sec is None or said.start_s <= window_s[1])
        and (item.within_last_sec is None or said.end_s >= window_s[0])
        and (before is None or before.begins_after(said))
        and (after is None or said.begins_after(after))
    )
