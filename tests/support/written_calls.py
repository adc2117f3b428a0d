"""Calls of which only the words are known: rows as the first stages store them, without audio."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from callqa_assets.domain.days import date_key
from callqa_assets.warehouse import tables

SEGMENT_STEP_S = 20.0
CHARACTER_S = 0.2


@dataclass(frozen=True)
class WrittenCall:
    """One call: channel 0, 1 … are those of `said`, each with its segments' texts."""

    said: Mapping[str, Sequence[str]]
    """By role. Segment n begins n x SEGMENT_STEP_S after the start; a character takes
    CHARACTER_S."""
    queue: str | None = None
    agent: str | None = None
    is_unhappy: bool | None = False
    """In `fact_call`."""
    language: str = "zh"


def write_calls(
    connection: sa.Connection, day: str, calls: Sequence[WrittenCall], *, made_by: str = "asr-1"
) -> list[str]:
    """Store the calls and their rows in `fact_call`; returns the recordings' ids in order."""
    ids = [_id(day, number) for number in range(len(calls))]
    started_at = datetime.fromisoformat(f"{day}T10:00:00+08:00").astimezone(UTC)
    queues = _keys(connection, tables.dim_queue, "queue", [call.queue for call in calls])
    agents = _keys(connection, tables.dim_agent, "agent_id", [call.agent for call in calls])
    rows: dict[sa.Table, list[dict[str, Any]]] = {}

    def add(table: sa.Table, **values: Any) -> None:
        rows.setdefault(table, []).append(with_defaults(table, values))

    for number, (recording_id, call) in enumerate(zip(ids, calls, strict=True)):
        common = {"recording_id": recording_id, "day": day}
        add(
            tables.recordings,
            **common,
            content_sha256=hashlib.sha256(recording_id.encode()).hexdigest(),
            started_at=started_at + timedelta(minutes=number),
            queue=call.queue,
            agent_id=call.agent,
            channels=len(call.said),
            channel_roles=list(call.said),
            duration_s=600.0,
            metadata={},
            status="ok",
            reason=None,
            duplicate_of=None,
        )
        for stage in ("segments", "transcripts"):
            add(
                tables.stage_runs,
                **common,
                stage=stage,
                status="ok",
                fingerprint=made_by,
                output_version=made_by,
                claimed_by=None,
                lease_until=None,
            )
        for channel, (role, texts) in enumerate(call.said.items()):
            for segment_no, text in enumerate(texts):
                start_s = segment_no * SEGMENT_STEP_S
                segment = {
                    **common,
                    "channel": channel,
                    "segment_no": segment_no,
                    "role": role,
                    "start_s": start_s,
                    "end_s": start_s + len(text) * CHARACTER_S,
                }
                add(tables.segments, **segment, level_dbfs=-20.0, kind="speech")
                add(
                    tables.transcripts,
                    **segment,
                    language=call.language,
                    text=text,
                    text_raw=text,
                    alignment=[],
                    words=[
                        {
                            "word": character,
                            "start_s": start_s + n * CHARACTER_S,
                            "end_s": start_s + (n + 1) * CHARACTER_S,
                        }
                        for n, character in enumerate(text)
                    ],
                    confidence=0.9,
                    doubtful_hotwords=[],
                )
        add(
            tables.fact_call,
            date_key=date_key(day),
            call_key=number + 1,
            call_day=datetime.fromisoformat(day),
            recording_id=recording_id,
            queue_key=queues[call.queue],
            agent_key=agents[call.agent],
            is_unhappy=call.is_unhappy,
        )
    for table, own in rows.items():
        connection.execute(sa.insert(table), own)
    return ids


def with_defaults(table: sa.Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row with these values, and something in every other column that must not be NULL."""
    return {
        column.name: values[column.name] if column.name in values else _default(column)
        for column in table.columns
    }


def _default(column: sa.Column[Any]) -> Any:
    if column.nullable:
        return None
    if isinstance(column.type, sa.JSON):
        return {}
    if isinstance(column.type, tables.UtcDateTime):
        return datetime(2025, 1, 1, tzinfo=UTC)
    return {str: "", int: 0, float: 0.0, bool: False, datetime: datetime(2025, 1, 1)}[
        column.type.python_type
    ]


def _id(day: str, number: int) -> str:
    return hashlib.sha256(f"{day} {number}".encode()).hexdigest()[:32]


def _keys(
    connection: sa.Connection, dimension: sa.Table, name: str, values: Sequence[str | None]
) -> dict[str | None, int]:
    """Value to its key in a dimension, in which new ones are stored; 0 for None."""
    key, value = dimension.primary_key.columns[0], dimension.c[name]
    known = {found: number for number, found in connection.execute(sa.select(key, value))}
    for new in sorted({v for v in values if v is not None} - set(known)):
        known[new] = max([0, *known.values()]) + 1
        connection.execute(sa.insert(dimension).values({key.name: known[new], name: new}))
    return {**known, None: 0}
