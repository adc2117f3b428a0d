"""What is stored of a call's facts: each has its column, and stored versions stay the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from callqa_assets.domain.audio.decoding import Encoding
from callqa_assets.domain.calls.facts import FACTS, OWN_FACTS, CallFacts
from callqa_assets.domain.calls.metadata import CallMetadata
from callqa_assets.warehouse.recordings import metadata_columns, recording_from_row
from callqa_assets.warehouse.tables import recordings
from tests.support.notices import store_recording

STARTED_AT = datetime(2025, 3, 14, 1, 30, 12, tzinfo=UTC)
BARE = CallMetadata(started_at=STARTED_AT, time_source="mtime")
FULL = CallMetadata(
    started_at=STARTED_AT,
    time_source="sidecar",
    facts=CallFacts(
        call_id="R-7",
        agent_id="1001",
        customer_id="13800138000",
        queue="vip",
        line="400",
        business_line="cards",
        language="zh",
    ),
    stated_roles=("customer", "agent"),
    source_roles=("agent", "customer"),
    encoding=Encoding("alaw", 8000),
    extra={"order": {"id": 7}, "备注": "好"},
    notes=("a note", "another"),
)


@pytest.mark.parametrize(
    ("call", "version"),
    [
        (BARE, "0285422aa7852d194e0f992308a9d6727fba9ee45c8736c3a10d5c17a6dc6ad1"),
        (FULL, "6f542808a4b3f920039e1ab46ee896205f345008ca8f2ac515e1a82d0454a3f4"),
    ],
)
def test_the_version_of_known_metadata_stays_what_it_was(call: CallMetadata, version: str):
    """It is part of the alerts' input: another one computes every alert again."""
    assert metadata_columns(call, 2)["metadata_version"] == version


@pytest.mark.parametrize(
    ("call", "stored"),
    [
        (
            BARE,
            '{"started_at": "2025-03-14T01:30:12Z", "time_source": "mtime", "call_id": null, '
            '"agent_id": null, "customer_id": null, "queue": null, "line": null, '
            '"business_line": null, "language": null, "stated_roles": [], "source_roles": [], '
            '"encoding": null, "extra": {}, "notes": []}',
        ),
        (
            FULL,
            '{"started_at": "2025-03-14T01:30:12Z", "time_source": "sidecar", "call_id": "R-7", '
            '"agent_id": "1001", "customer_id": "13800138000", "queue": "vip", "line": "400", '
            '"business_line": "cards", "language": "zh", "stated_roles": ["customer", "agent"], '
            '"source_roles": ["agent", "customer"], "encoding": {"codec": "alaw", '
            '"rate_hz": 8000}, "extra": {"order": {"id": 7}, "备注": "好"}, '
            '"notes": ["a note", "another"]}',
        ),
    ],
)
def test_metadata_in_rows_of_intake_stays_what_it_was(call: CallMetadata, stored: str):
    assert json.dumps(call.to_json(), ensure_ascii=False) == stored
    assert CallMetadata.from_json(json.loads(stored)) == call


def test_a_row_of_intake_from_before_a_fact_was_added_is_read():
    stored = {key: value for key, value in FULL.to_json().items() if key != "line"}
    facts = FULL.facts.model_copy(update={"line": None})
    assert CallMetadata.from_json(stored) == FULL.model_copy(update={"facts": facts})


def test_every_fact_is_a_column_and_comes_back_from_it(warehouse):
    recording_id = store_recording(warehouse, **FULL.facts.model_dump())
    assert set(OWN_FACTS) <= set(FACTS) <= set(recordings.columns.keys())
    with warehouse.read() as connection:
        (row,) = connection.execute(sa.select(recordings)).all()
    recording = recording_from_row(row)
    assert (recording.recording_id, recording.facts) == (recording_id, FULL.facts)
