"""Mart `terms_contrast`: words that stand in unhappy calls, against other calls of their queue.

The 28 days up to the day. Calls of which it is not known whether they are unhappy are in neither
group; words of the rules whose alerts make a call unhappy are left out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from callqa_assets.domain.days import date_key, days_between, shift_day
from callqa_assets.domain.rules.rule_set import Rule, RulesError, load_rules
from callqa_assets.domain.statistics.contrast import ContrastConfig, compare_words
from callqa_assets.domain.statistics.discoveries import adjust_p_values
from callqa_assets.domain.text.spoken_text import SpokenText
from callqa_assets.domain.topics import terms
from callqa_assets.domain.topics.label_words import LabelWords, find_label_words
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.stages.spoken_segments import read_spoken_segments
from callqa_assets.warehouse.tables import terms_contrast, terms_contrast_examples
from callqa_assets.warehouse.topics import MartCall, read_calls, read_label_rules, read_words

WINDOW_DAYS = 28
EXAMPLES = 3

_CONFIG = ContrastConfig()


class _Group(NamedTuple):
    """Whose words are compared: one role in the calls of one queue."""

    queue_key: int
    role: str


@dataclass
class _Counts:
    """Calls of one group."""

    unhappy: int = 0
    others: int = 0
    unhappy_with: Counter[str] = field(default_factory=Counter)
    others_with: Counter[str] = field(default_factory=Counter)

    def add(self, said: Collection[str], is_unhappy: bool) -> None:
        if is_unhappy:
            self.unhappy += 1
            self.unhappy_with.update(said)
        else:
            self.others += 1
            self.others_with.update(said)


@dataclass(frozen=True)
class _Found:
    """A word that stands in unhappy calls."""

    group: _Group
    term: str
    odds_ratio: float
    z: float
    q_value: float


@dataclass
class _Uses:
    """Where unhappy calls say a word."""

    agents: set[int] = field(default_factory=set)
    examples: list[tuple[str, int]] = field(default_factory=list)
    """(recording, channel), the newest first, of different agents."""

    def add(self, recording_id: str, channel: int, agent_key: int) -> None:
        if len(self.examples) < EXAMPLES and (not agent_key or agent_key not in self.agents):
            self.examples.append((recording_id, channel))
        if agent_key:
            self.agents.add(agent_key)


def compute(context: MartContext, day: str) -> MartRows:
    connection = context.connection
    days = days_between(shift_day(day, 1 - WINDOW_DAYS), day)[::-1]
    calls = read_calls(connection, days[-1], days[0])
    known = {i: call for i, call in calls.items() if call.is_unhappy is not None}
    counts: defaultdict[_Group, _Counts] = defaultdict(_Counts)
    for recording_id, roles in _read_roles(connection, days, known):
        call = known[recording_id]
        for role, said in roles.items():
            counts[_Group(call.queue_key, role)].add(said, bool(call.is_unhappy))
    found = list(_find_words(counts, _read_label_words(connection, days)))
    uses = _find_uses(connection, days, known, found)
    found = [one for one in found if len(uses[one.group, one.term].agents) >= _CONFIG.min_agents]
    return {
        terms_contrast: [
            _row(day, one, counts[one.group], uses[one.group, one.term]) for one in found
        ],
        terms_contrast_examples: list(_example_rows(connection, day, found, uses)),
    }


def _read_roles(
    connection: sa.Connection, days: Sequence[str], wanted: Mapping[str, MartCall]
) -> Iterator[tuple[str, Mapping[str, Collection[str]]]]:
    """Each wanted recording with the words of each role, the newest day first."""
    for day in days:
        recording_id, roles = "", dict[str, Collection[str]]()
        for words in read_words(connection, day, wanted):
            if words.recording_id != recording_id:
                if roles:
                    yield recording_id, roles
                recording_id, roles = words.recording_id, {}
            earlier = roles.get(words.role)  # a role may have several channels
            roles[words.role] = {*earlier, *words.terms} if earlier else words.terms
        if roles:
            yield recording_id, roles


def _find_words(counts: Mapping[_Group, _Counts], labels: LabelWords) -> Iterator[_Found]:
    """Words told of, before it is known how many agents hear them."""
    tested: list[tuple[_Group, str]] = []
    log_odds: list[NDArray[np.float64]] = []
    z: list[NDArray[np.float64]] = []
    p_values: list[NDArray[np.float64]] = []
    for group, own in sorted(counts.items()):
        if not own.unhappy or not own.others:
            continue
        said = own.unhappy_with + own.others_with
        words = [t for t, n in sorted(said.items()) if n >= _CONFIG.min_calls and not labels.has(t)]
        compared = compare_words(
            np.array([own.unhappy_with[term] for term in words], np.float64),
            own.unhappy,
            np.array([own.others_with[term] for term in words], np.float64),
            own.others,
            _CONFIG.prior_calls,
        )
        tested += [(group, term) for term in words]
        log_odds.append(compared.log_odds)
        z.append(compared.z)
        p_values.append(compared.p_values)
    if not tested:
        return
    q_values = adjust_p_values(np.concatenate(p_values))
    odds_ratios, all_z = np.exp(np.concatenate(log_odds)), np.concatenate(z)
    for n in np.flatnonzero(q_values <= _CONFIG.false_share).tolist():
        yield _Found(*tested[n], float(odds_ratios[n]), float(all_z[n]), float(q_values[n]))


def _find_uses(
    connection: sa.Connection,
    days: Sequence[str],
    calls: Mapping[str, MartCall],
    found: Sequence[_Found],
) -> Mapping[tuple[_Group, str], _Uses]:
    """Where unhappy calls say the words: read again, for these words alone."""
    uses: defaultdict[tuple[_Group, str], _Uses] = defaultdict(_Uses)
    sought: defaultdict[_Group, set[str]] = defaultdict(set)
    for one in found:
        sought[one.group].add(one.term)
    queues = {group.queue_key for group in sought}
    unhappy = {i: c for i, c in calls.items() if c.is_unhappy and c.queue_key in queues}
    if not unhappy:
        return uses
    for day in days:
        for words in read_words(connection, day, unhappy):
            call = unhappy[words.recording_id]
            group = _Group(call.queue_key, words.role)
            for term in sought.get(group, set()) & words.terms.keys():
                uses[group, term].add(words.recording_id, words.channel, call.agent_key)
    return uses


def _row(day: str, found: _Found, counts: _Counts, uses: _Uses) -> dict[str, Any]:
    return {
        "date_key": date_key(day),
        **found.group._asdict(),
        "term": found.term,
        "unhappy_with": counts.unhappy_with[found.term],
        "unhappy_calls": counts.unhappy,
        "other_with": counts.others_with[found.term],
        "other_calls": counts.others,
        "agents": len(uses.agents),
        "odds_ratio": found.odds_ratio,
        "z": found.z,
        "q_value": found.q_value,
    }


def _example_rows(
    connection: sa.Connection,
    day: str,
    found: Sequence[_Found],
    uses: Mapping[tuple[_Group, str], _Uses],
) -> Iterator[dict[str, Any]]:
    ids = {i for one in found for i, _ in uses[one.group, one.term].examples}
    spoken = read_spoken_segments(connection, sorted(ids))
    for one in found:
        for number, (recording_id, channel) in enumerate(uses[one.group, one.term].examples):
            own = [segment for segment in spoken[recording_id] if segment.channel == channel]
            matches = SpokenText(own).find_phrase(one.term)
            if matches:
                yield {
                    "date_key": date_key(day),
                    **one.group._asdict(),
                    "term": one.term,
                    "example_no": number,
                    "recording_id": recording_id,
                    "channel": channel,
                    "start_s": matches[0].start_s,
                    "end_s": matches[0].end_s,
                }


def _read_label_words(connection: sa.Connection, days: Sequence[str]) -> LabelWords:
    rules: list[Rule] = []
    for yaml, names in read_label_rules(connection, days[-1], days[0]).values():
        with suppress(RulesError):  # accepted by another version of callqa
            rules += [r for r in load_rules(yaml, source="").rules if r.name in names]
    return find_label_words(rules)


MART = Mart(
    name="terms_contrast",
    description="Words that stand in unhappy calls of the last 28 days, by queue and role.",
    tables=(terms_contrast, terms_contrast_examples),
    code_version="1",
    compute=compute,
    days_before=WINDOW_DAYS - 1,
    reads=("fact_call",),
    params=lambda context: {**asdict(_CONFIG), "examples": EXAMPLES, "terms": terms.VERSION},
)
