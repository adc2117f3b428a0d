"""Mart `keyword_daily`: the words of a day, by queue and role."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from callqa_assets.domain.days import date_key
from callqa_assets.domain.topics import terms
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.tables import keyword_daily
from callqa_assets.warehouse.topics import read_calls, read_words

MIN_CALLS = 3
"""A word of fewer calls says nothing of the day, and may say something of a caller."""


@dataclass
class _Group:
    """The calls of a queue in which a role speaks."""

    calls_all: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    occurrences: Counter[str] = field(default_factory=Counter)
    agents: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def add(self, said: Counter[str], agent_key: int) -> None:
        self.calls_all += 1
        self.calls.update(said.keys())
        self.occurrences.update(said)
        if agent_key:
            for term in said:
                self.agents[term].add(agent_key)


def compute(context: MartContext, day: str) -> MartRows:
    calls = read_calls(context.connection, day)
    groups: defaultdict[tuple[int, str], _Group] = defaultdict(_Group)
    channels = read_words(context.connection, day)
    for recording_id, own in groupby(channels, lambda words: words.recording_id):
        if recording_id not in calls:
            continue
        said: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for words in own:  # a role may have several channels
            said[words.role].update(words.terms)
        call = calls[recording_id]
        for role, counted in said.items():
            groups[call.queue_key, role].add(counted, call.agent_key)
    return {
        keyword_daily: [
            {
                "date_key": date_key(day),
                "queue_key": queue_key,
                "role": role,
                "term": term,
                "calls": calls_with,
                "calls_all": group.calls_all,
                "agents": len(group.agents.get(term, ())),
                "occurrences": group.occurrences[term],
                "share": calls_with / group.calls_all,
            }
            for (queue_key, role), group in sorted(groups.items())
            for term, calls_with in sorted(group.calls.items())
            if calls_with >= MIN_CALLS
        ]
    }


MART = Mart(
    name="keyword_daily",
    description="Words of the day by queue and role, and how many calls say them.",
    tables=(keyword_daily,),
    code_version="1",
    compute=compute,
    reads=("fact_call",),
    params=lambda context: {"min_calls": MIN_CALLS, "terms": terms.VERSION},
)
