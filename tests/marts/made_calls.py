"""Calls as the stages leave them, made row by row: what marts are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.marts.mart import Mart, MartContext
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.mart_days import replace_rows
from resources.storage.home import REPO

CONFIGS = REPO / "configs"
ANALYSED = datetime(2025, 3, 14, 20, 0, tzinfo=UTC)
KEY = b"a key for tests"


class MadeCalls:
    """Adds calls to a warehouse; every column that is not given has a plain value."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, table: sa.Table, *rows: Mapping[str, Any]) -> None:
        self._connection.execute(sa.insert(table), list(rows))

    def call(self, recording_id: str, local: str, **facts: Any) -> MadeCall:
        """A recording that started at the local time 'YYYY-MM-DD HH:MM'."""
        started_at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
        day = local[:10]
        self.add(
            tables.recordings,
            {
                "recording_id": recording_id,
                "content_sha256": recording_id,
                "source_name": f"{recording_id}.wav",
                "day": day,
                "started_at": started_at,
                "time_source": "file_name",
                "channels": 2,
                "channel_roles": ["agent", "customer"],
                "sample_rate": 8_000,
                "duration_s": 60.0,
                "size_bytes": 1,
                "archive_path": "",
                "metadata": {},
                "metadata_version": "",
                "status": "ok",
                "legal_hold": False,
                "ingested_at": ANALYSED,
                "run_id": "run",
                **facts,
            },
        )
        return MadeCall(self, recording_id, day)


class MadeCall:
    """One call, to which rows of the stages are added."""

    def __init__(self, calls: MadeCalls, recording_id: str, day: str) -> None:
        self.calls, self.own = calls, {"recording_id": recording_id, "day": day}

    def add(self, table: sa.Table, *rows: Mapping[str, Any]) -> MadeCall:
        self.calls.add(table, *({**self.own, **row} for row in rows))
        return self

    def processed(self, *, failed: str | None = None) -> MadeCall:
        return self.add(
            tables.stage_runs,
            *(
                {
                    "stage": stage,
                    "status": "failed" if stage == failed else "ok",
                    "fingerprint": None if stage == failed else f"{stage}-1",
                    "attempts": 1,
                    "finished_at": ANALYSED,
                }
                for stage in STAGE_NAMES
            ),
        )

    def says(
        self, channel: int, segment_no: int, role: str, text: str, emotion: str = "neutral"
    ) -> MadeCall:
        """A segment of speech, of 2 s."""
        key = {
            "channel": channel,
            "segment_no": segment_no,
            "role": role,
            "start_s": 5.0 * segment_no,
            "end_s": 5.0 * segment_no + 2,
        }
        self.add(
            tables.transcripts,
            {
                **key,
                "language": "zh",
                "text_raw": text,
                "text": text,
                "alignment": [],
                "words": [],
                "confidence": 0.75,
                "doubtful_hotwords": [],
            },
        )
        return self.add(
            tables.emotion_scores,
            {
                **key,
                **dict.fromkeys(EMOTIONS, 0.025),
                emotion: 0.8,
                "emotion": emotion,
                "confidence": 0.8,
            },
        )

    def speaks_of(self, *topics: str) -> MadeCall:
        return self.add(
            tables.topic_hits,
            *(
                {
                    "channel": 0,
                    "segment_no": 0,
                    "hit_no": number,
                    "role": "customer",
                    "topic": topic,
                    "start_s": 1.0,
                    "end_s": 1.5,
                    "text": topic,
                }
                for number, topic in enumerate(topics)
            ),
        )


def add_models(calls: MadeCalls) -> None:
    """Of every call that was processed."""
    calls.add(
        tables.fingerprints,
        *(
            {
                "fingerprint": f"{stage}-1",
                "stage": stage,
                "code_version": "1",
                "model_id": f"{stage}-model",
                "params": {},
            }
            for stage in STAGE_NAMES
        ),
    )


def publish(
    warehouse: Warehouse,
    mart: Mart,
    day: str,
    *,
    today: str = "2025-06-01",
    key: bytes | None = KEY,
) -> None:
    """Compute a mart's day and store it."""
    with warehouse.write() as connection:
        context = MartContext(connection, DEFAULT_CALENDAR, CONFIGS, today, key)
        rows = mart.compute(context, day)
        for table in mart.tables:
            replace_rows(connection, table, day, rows[table])


def ask(warehouse: Warehouse, query: str, **values: Any) -> list[dict[str, Any]]:
    with warehouse.read() as connection:
        return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]
