"""Who calls again about the same: repeats, and chains of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

WINDOW_DAYS = 7
"""A repeat comes at most so many local days after the call that it repeats."""
CHAIN_DAYS = 28
"""A chain is followed back so many days."""


@dataclass(frozen=True)
class Contact:
    """A call of a known customer about known topics."""

    call: str
    """Recording id."""
    customer: str
    day: str
    """Local day, 'YYYY-MM-DD'."""
    started_at: datetime
    topics: Mapping[str, int]
    """Topic to how often it is spoken of; not empty."""


@dataclass(frozen=True)
class Repeat:
    """A contact and the latest earlier one that it repeats."""

    of: Contact
    topic: str
    """Of the topics of both, the one that the later call speaks of most, then by name."""


def find_repeats(contacts: Iterable[Contact]) -> dict[str, Repeat]:
    """Call to what it repeats; contacts that repeat none are left out."""
    found: dict[str, Repeat] = {}
    for own in _by_customer(contacts).values():
        last: dict[str, Contact] = {}
        for contact in own:
            earlier = [
                (last[topic].started_at, last[topic].call, hits, topic)
                for topic, hits in contact.topics.items()
                if topic in last and _days_between(last[topic], contact) <= WINDOW_DAYS
            ]
            if earlier:
                latest = max(earlier)[1]
                topic = min((-hits, name) for _, call, hits, name in earlier if call == latest)[1]
                found[contact.call] = Repeat(last[topic], topic)
            last.update(dict.fromkeys(contact.topics, contact))
    return found


def find_repeated(contacts: Iterable[Contact]) -> set[str]:
    """Calls after which the customer calls about one of their topics again."""
    found: set[str] = set()
    for own in _by_customer(contacts).values():
        following: dict[str, Contact] = {}
        for contact in reversed(own):
            if any(
                topic in following and _days_between(contact, following[topic]) <= WINDOW_DAYS
                for topic in contact.topics
            ):
                found.add(contact.call)
            following.update(dict.fromkeys(contact.topics, contact))
    return found


def find_chains(contacts: Iterable[Contact], repeats: Mapping[str, Repeat]) -> dict[str, list[str]]:
    """Call to the calls of its chain by time: all that lead back to the same first one."""
    chain_of: dict[str, list[str]] = {}
    for own in _by_customer(contacts).values():
        for contact in own:
            repeat = repeats.get(contact.call)
            chain = [] if repeat is None else chain_of[repeat.of.call]
            chain.append(contact.call)
            chain_of[contact.call] = chain
    return chain_of


def _by_customer(contacts: Iterable[Contact]) -> dict[str, Sequence[Contact]]:
    """Each customer's contacts by time."""
    grouped: defaultdict[str, list[Contact]] = defaultdict(list)
    for contact in sorted(contacts, key=lambda contact: (contact.started_at, contact.call)):
        grouped[contact.customer].append(contact)
    return dict(grouped)


def _days_between(earlier: Contact, later: Contact) -> int:
    return (date.fromisoformat(later.day) - date.fromisoformat(earlier.day)).days
