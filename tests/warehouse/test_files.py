"""Rows of `intake` from before are read, and what is written now looks the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from callqa_assets.domain.calls.metadata import CallMetadata
from callqa_assets.warehouse.files import Description

CALL = CallMetadata(started_at=datetime(2025, 3, 14, 1, 30, tzinfo=UTC), time_source="mtime")


@pytest.mark.parametrize(
    ("sidecar", "manifest_row"),
    [(None, None), ({"fields": {"queue": "vip"}, "notes": []}, {"line": "400"})],
)
def test_the_sources_of_a_description_keep_their_form(sidecar, manifest_row):
    stored = {
        "sidecar": sidecar,
        "manifest_row": manifest_row,
        "mtime_s": 1741915812.25,
        "received_at": "2025-03-18T10:00:00.000123+08:00",
        "call": CALL.to_json(),
    }
    description = Description.from_json(stored)
    assert description.call == CALL
    assert json.loads(json.dumps(description.to_json())) == stored


def test_a_sidecar_that_an_earlier_version_stored_as_text_is_read():
    stored = {
        "sidecar": '{"queue": "vip"}',
        "manifest_row": None,
        "mtime_s": 0.0,
        "received_at": "2025-03-18T10:00:00+08:00",
        "call": CALL.to_json(),
    }
    sidecar = Description.from_json(stored).sidecar
    assert sidecar is not None
    assert sidecar.fields == {"queue": "vip"}
