"""What is not speech gets no words and no emotion, and the notes say what was left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import sqlalchemy as sa

from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.stages.stored_calls import load_stored_calls
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.recordings import recording_from_row
from resources.storage.lake import EmotionLake
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows
from tests.support.sounds import over_a_line, silence, tone, tune, voice

DAY = "2025-03-14"


@pytest.fixture
def process(home, warehouse, rules):
    """Process a call of these channels; returns its segments as (channel, role, kind, text)."""

    def run(*channels: np.ndarray) -> list[tuple[int, str, str, bool]]:
        path: Path = home.drop / "20250314-093000_1001_13800138000.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [over_a_line(channel, number) for number, channel in enumerate(channels)]
        sf.write(path, np.stack(lines, axis=1)[::2], 8_000, subtype="PCM_16")
        DirectRun(home, warehouse, rules).run(FakeModels())
        written, felt = (
            {(row["channel"], row["segment_no"]) for row in read_rows(warehouse, table)}
            for table in (tables.transcripts, tables.emotion_scores)
        )
        assert written == felt
        return [
            (row["channel"], row["role"], row["kind"], (row["channel"], row["segment_no"]) in felt)
            for row in read_rows(warehouse, tables.segments)
        ]

    return run


def read_notes(warehouse) -> list[tuple[str, int]]:
    return [(row["note"], row["channel"]) for row in read_rows(warehouse, tables.stage_notes)]


def test_music_and_tones_have_segments_without_words(process, warehouse):
    sound = np.concatenate([tone(450, seconds=1), silence(1), tune(10), silence(1), voice(3)])
    found = set(process(sound))
    assert found == {
        (0, "mixed", "tone", False),
        (0, "mixed", "music", False),
        (0, "mixed", "speech", True),
    }
    assert read_notes(warehouse) == []


def test_the_agents_words_are_not_the_customers_where_the_lines_leak(process, warehouse):
    agent = np.concatenate([voice(8, 1), silence(4)])
    customer = np.concatenate([silence(8), voice(4, 2)])
    found = process(3 * agent, 3 * customer + 0.5 * agent)
    assert {item for item in found if item[0] == 0} == {(0, "agent", "speech", True)}
    assert {item for item in found if item[0] == 1} == {
        (1, "customer", "crosstalk", False),
        (1, "customer", "speech", True),
    }
    assert read_notes(warehouse) == [("crosstalk", 1)]


def test_two_copies_are_one_mixed_channel_for_the_rules_too(home, process, warehouse):
    found = process(voice(6, 1), voice(6, 1))
    assert set(found) == {(0, "mixed", "speech", True)}
    assert read_notes(warehouse) == [("dual_mono", 1)]
    with warehouse.read() as connection:
        (row,) = connection.execute(sa.select(tables.recordings))
    assert row.channel_roles == ["agent", "customer"]  # as the metadata says
    (call,) = load_stored_calls(
        warehouse, EmotionLake(home), DEFAULT_CALENDAR, [recording_from_row(row)]
    )
    assert call.context.roles == ("mixed", "customer")
