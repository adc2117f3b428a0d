"""Mart `fact_repeat_contact`: who calls again about the same, looking back and ahead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.calls.customers import hash_customer, normalise_customer
from callqa_assets.domain.days import date_key, shift_day
from callqa_assets.domain.repeat_contacts import (
    CHAIN_DAYS,
    WINDOW_DAYS,
    Contact,
    Repeat,
    find_chains,
    find_repeated,
    find_repeats,
)
from callqa_assets.domain.workdays import Workdays
from callqa_assets.marts.facts import CALL_COLUMNS
from callqa_assets.marts.mart import Mart, MartContext, MartRows
from callqa_assets.warehouse.database import chunks
from callqa_assets.warehouse.dimensions import find_or_add_keys
from callqa_assets.warehouse.tables import (
    call_keys,
    dim_topic,
    fact_call,
    fact_repeat_contact,
    recordings,
    topic_hits,
)
from resources.storage.config_files import WORKDAYS_FILE, read_workdays

_NO_REPEAT = dict.fromkeys(
    ("repeat_of_call_key", "repeat_topic_key", "repeat_after_s", "repeat_after_workdays")
)
_UNKNOWN = {
    **dict.fromkeys(("is_repeat", "repeated_within_7d")),
    **_NO_REPEAT,
    **dict.fromkeys(("chain_call_key", "chain_position", "chain_length")),
}


def _compute(context: MartContext, day: str) -> MartRows:
    query = (
        sa.select(
            *(fact_call.c[name] for name in CALL_COLUMNS),
            fact_call.c.recording_id,
            recordings.c.customer_id,
        )
        .join(recordings, recordings.c.recording_id == fact_call.c.recording_id)
        .where(fact_call.c.date_key == date_key(day))
    )
    calls = context.connection.execute(query).mappings().all()
    customers = {call["call_key"]: normalise_customer(call["customer_id"]) for call in calls}
    known = {customer for customer in customers.values() if customer}
    contacts = _read_contacts(context, day, known) if context.customer_key else {}
    described = _describe(context, day, contacts)
    return {
        fact_repeat_contact: [
            {
                **{name: call[name] for name in CALL_COLUMNS},
                "customer_hash": _hash(customers[call["call_key"]], context.customer_key),
                **described.get(call["recording_id"], _UNKNOWN),
            }
            for call in calls
        ]
    }


def _hash(customer: str | None, key: bytes | None) -> str | None:
    return hash_customer(customer, key) if customer and key else None


def _read_contacts(
    context: MartContext, day: str, customers: Collection[str]
) -> dict[str, Contact]:
    """The contacts of these customers in the days that count, by recording."""
    if not customers:
        return {}
    days = shift_day(day, -CHAIN_DAYS), shift_day(day, WINDOW_DAYS)
    # A customer is written in many ways, so that SQL cannot find them.
    normalise = cache(normalise_customer)
    query = sa.select(recordings.c.recording_id, recordings.c.customer_id).where(
        recordings.c.day.between(*days),
        recordings.c.status == "ok",
        recordings.c.customer_id.is_not(None),
    )
    own = {
        recording_id: customer
        for recording_id, written in context.connection.execute(query)
        if (customer := normalise(written)) in customers
    }
    topics = _read_topics(context, list(own))
    details = sa.select(recordings.c.recording_id, recordings.c.day, recordings.c.started_at)
    return {
        row.recording_id: Contact(
            row.recording_id,
            str(own[row.recording_id]),
            row.day,
            row.started_at,
            topics[row.recording_id],
        )
        for ids in chunks(list(topics))
        for row in context.connection.execute(details.where(recordings.c.recording_id.in_(ids)))
    }


def _read_topics(context: MartContext, ids: list[str]) -> dict[str, dict[str, int]]:
    """Recording to topic to hits."""
    topics: defaultdict[str, dict[str, int]] = defaultdict(dict)
    columns = (topic_hits.c.recording_id, topic_hits.c.topic)
    query = sa.select(*columns, sa.func.count()).group_by(*columns)
    for some in chunks(ids):
        for recording_id, topic, hits in context.connection.execute(
            query.where(topic_hits.c.recording_id.in_(some))
        ):
            topics[recording_id][topic] = hits
    return topics


def _describe(
    context: MartContext, day: str, contacts: Mapping[str, Contact]
) -> dict[str, dict[str, Any]]:
    """Columns of the day's contacts, by recording."""
    workdays = read_workdays(context.configs / WORKDAYS_FILE)
    until_now = [contact for contact in contacts.values() if contact.day <= day]
    repeats, repeated = find_repeats(until_now), find_repeated(contacts.values())
    chains = find_chains(until_now, repeats)
    is_over = shift_day(day, WINDOW_DAYS) < context.today
    own = [contact for contact in until_now if contact.day == day]
    keys = _find_keys(context, own, repeats, chains)
    return {
        contact.call: {
            **_describe_repeat(contact, repeats.get(contact.call), keys, workdays),
            "repeated_within_7d": contact.call in repeated if is_over else None,
            "chain_call_key": keys[chains[contact.call][0]],
            "chain_position": chains[contact.call].index(contact.call) + 1,
            "chain_length": len(chains[contact.call]),
        }
        for contact in own
    }


def _find_keys(
    context: MartContext,
    contacts: Iterable[Contact],
    repeats: Mapping[str, Repeat],
    chains: Mapping[str, Sequence[str]],
) -> dict[str, int]:
    """Keys of the earlier calls and of the topics that the contacts refer to."""
    own = [repeats[contact.call] for contact in contacts if contact.call in repeats]
    calls = {repeat.of.call for repeat in own} | {chains[c.call][0] for c in contacts}
    found = find_or_add_keys(context.connection, call_keys, [(call,) for call in sorted(calls)])
    found |= find_or_add_keys(context.connection, dim_topic, [(repeat.topic,) for repeat in own])
    return {name: key for (name,), key in found.items()}


def _describe_repeat(
    contact: Contact, repeat: Repeat | None, keys: Mapping[str, int], workdays: Workdays
) -> dict[str, Any]:
    if repeat is None:
        return {**_NO_REPEAT, "is_repeat": False}
    return {
        "is_repeat": True,
        "repeat_of_call_key": keys[repeat.of.call],
        "repeat_topic_key": keys[repeat.topic],
        "repeat_after_s": (contact.started_at - repeat.of.started_at).total_seconds(),
        "repeat_after_workdays": workdays.count_between(repeat.of.day, contact.day),
    }


def _params(context: MartContext) -> Mapping[str, Any]:
    """Other customers' hashes follow from another key, which no hash stored here gives away."""
    key = context.customer_key
    return {
        "key": None if not key else hash_customer("callqa", key),
        "workdays": read_workdays(context.configs / WORKDAYS_FILE).special,
    }


MART = Mart(
    name="fact_repeat_contact",
    description="Who calls again about the same topic, and the chains of such calls.",
    tables=(fact_repeat_contact,),
    code_version="1",
    compute=_compute,
    days_before=CHAIN_DAYS,
    days_after=WINDOW_DAYS,
    reads=("fact_call",),
    params=_params,
)
