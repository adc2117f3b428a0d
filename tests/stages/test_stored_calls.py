"""What rules are given of stored calls: facts, words, tracks, and only what the ledger names."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.stages.stored_calls import load_stored_calls
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import named_artifacts
from callqa_assets.warehouse.recordings import recording_from_row
from resources.storage.lake import EmotionLake
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


@pytest.fixture
def recordings(home, warehouse, rules):
    """Three calls, processed."""
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.2, clock="233000")
    DirectRun(home, warehouse, rules).run(FakeModels())
    with warehouse.read() as connection:
        return [recording_from_row(r) for r in connection.execute(sa.select(tables.recordings))]


def test_calls_come_in_the_order_asked_with_facts_words_and_tracks(home, warehouse, recordings):
    lake = EmotionLake(home)
    asked = recordings[::-1]
    calls = load_stored_calls(warehouse, lake, DEFAULT_CALENDAR, asked)
    assert [c.context.recording_id for c in calls] == [r.recording_id for r in asked]
    for call in calls:
        assert (call.context.duration_s, call.context.roles) == (6.0, ("agent", "customer"))
        assert call.context.hour == 23  # on the clock of the centre, whatever the computer's
        assert [s.channel for s in call.annotations.segments] == [0, 1]
        assert [t.channel for t in call.annotations.tracks] == [0, 1]
        said = call.annotations.segments[1]
        assert said.text.startswith("响度")
        assert json.loads(said.words)
        assert -30 < said.level_dbfs < 0
        assert set(call.fingerprints) == {"segments", "transcripts", "emotions"}
    assert load_stored_calls(warehouse, lake, DEFAULT_CALENDAR, []) == []


def test_the_language_is_the_metadatas_else_the_one_most_spoken(home, warehouse, recordings):
    lake = EmotionLake(home)
    with warehouse.write() as connection:
        customer = tables.transcripts.c.role == "customer"  # speaks 3 s, the agent 1.5 s
        connection.execute(sa.update(tables.transcripts).values(language="en"))
        connection.execute(sa.update(tables.transcripts).where(customer).values(language="yue"))
    named = replace(recordings[0], facts=CallFacts(language="zh-CN"))
    first, second = load_stored_calls(warehouse, lake, DEFAULT_CALENDAR, [named, recordings[1]])
    assert (first.context.facts.language, second.context.facts.language) == ("zh-CN", "yue")


def test_only_the_file_that_the_ledger_names_is_read(home, warehouse, recordings):
    lake = EmotionLake(home)
    before = [
        call.annotations.tracks
        for call in load_stored_calls(warehouse, lake, DEFAULT_CALENDAR, recordings)
    ]
    # The first recording's track is computed again; its old file stays, for the others in it.
    (old,) = before[0][:1]
    artifact = lake.write({recordings[0].recording_id: [replace(old, channel=1)]})
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.stage_runs)
            .where(
                tables.stage_runs.c.recording_id == recordings[0].recording_id,
                tables.stage_runs.c.stage == "emotions",
            )
            .values(artifact=artifact)
        )
    after = [
        call.annotations.tracks
        for call in load_stored_calls(warehouse, lake, DEFAULT_CALENDAR, recordings)
    ]
    (track,) = after[0]
    assert track.channel == 1
    np.testing.assert_array_equal(track.posteriors, old.posteriors)
    assert [len(tracks) for tracks in after[1:]] == [2, 2]


def test_a_lake_file_that_is_gone_is_named(home, warehouse, recordings):
    with warehouse.read() as connection:
        (artifact,) = named_artifacts(connection, "emotions")
    (home.root / artifact).unlink()
    with pytest.raises(FileNotFoundError, match=artifact):
        load_stored_calls(warehouse, EmotionLake(home), DEFAULT_CALENDAR, recordings)
