"""Every integrity check sees the row it guards against, and names day and recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from callqa_assets.checks import emotions, recordings
from callqa_assets.checks.day_checks import (
    Bounds,
    Scope,
    explain_deviation,
    failed_stage_runs,
    missing_stage_runs,
    violations,
)
from callqa_assets.cli.headless import process_drop_folder
from callqa_assets.domain.speech import Span
from callqa_assets.stages.registry import STAGE_NAMES
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.invariants import INVARIANTS
from resources.settings import Settings
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
NOW = datetime.now(UTC) + timedelta(days=1)
"""After everything in these tests."""


def _violations_of(stage: str):
    """What all invariants of a stage find."""
    finders = [violations(invariant) for invariant in INVARIANTS if invariant.stage == stage]
    return lambda scope: [found for find in finders for found in find(scope)]


FAULTS = {
    "recordings": recordings._faults,
    "tracks": emotions._find_lost_tracks,
    **{stage: _violations_of(stage) for stage in STAGE_NAMES},
}


@pytest.fixture
def ids(home, warehouse, rules: Path):
    """Ids of two calls, processed by 'run'; corrupting is done to the first."""
    for seed in range(2):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.2)
    DirectRun(home, warehouse, rules).run(FakeModels())
    return sorted(r["recording_id"] for r in read_rows(warehouse, tables.recordings))


@pytest.fixture
def faults(home, warehouse, ids):
    """What a module's integrity check finds on the day."""

    def find(name: str, run_id: str = "run") -> set[str]:
        with warehouse.read() as connection:
            return set(FAULTS[name](Scope(connection, home, DAY, run_id, NOW)))

    return find


def change(warehouse, table: sa.Table, recording_id: str, **values) -> None:
    with warehouse.write() as connection:
        changed = connection.execute(
            sa.update(table).where(table.c.recording_id == recording_id).values(**values)
        )
        assert changed.rowcount > 0


def test_sound_rows_have_no_faults(faults):
    assert not any(faults(name) for name in FAULTS)


CORRUPTIONS = {
    "no roles": ("recordings", tables.recordings, {"channel_roles": ["agent"]}),
    "no sound": ("recordings", tables.recordings, {"duration_s": 0.0}),
    "no file": ("recordings", tables.recordings, {"archive_path": "archive/00/nothing.wav"}),
    "segment after the end": ("segments", tables.segments, {"end_s": 6.5}),
    "segment too long": ("segments", tables.segments, {"start_s": 0.0, "end_s": 31.0}),
    "impossible confidence": ("transcripts", tables.transcripts, {"confidence": 1.5}),
    "posteriors beyond one": ("emotions", tables.emotion_scores, {"happy": 0.5}),
    "negative posterior": ("emotions", tables.emotion_scores, {"happy": -0.5, "sad": 0.5}),
    "span outside speech": ("emotions", tables.emotion_spans, {"start_s": 0.0, "end_s": 6.0}),
    "track not in the lake": ("tracks", tables.stage_runs, {"artifact": "lake/gone.parquet"}),
    "no evidence": ("alerts", tables.alerts, {"evidence": {}}),
    "unknown rules": ("alerts", tables.alerts, {"rule_hash": "0" * 64}),
    "a forbidden phrase without words": ("scripts", tables.script_checks, {"outcome": "forbidden"}),
    "words without seconds": ("scripts", tables.script_checks, {"matched_text": "您好"}),
    "alert after the end": ("alerts", tables.alerts, {"ended_s": 60.0}),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupted_row_is_found_and_no_other_is_blamed(warehouse, ids, faults, corruption):
    name, table, values = CORRUPTIONS[corruption]
    change(warehouse, table, ids[0], **values)
    assert faults(name) == {ids[0]}
    if name != "recordings":
        assert faults(name, run_id="another") == set()  # only a run's own work can stop it


def test_another_runs_recordings_do_not_stop_this_run(warehouse, ids, faults):
    change(warehouse, tables.recordings, ids[0], duration_s=0.0)
    assert faults("recordings", run_id="another") == set()


def test_segments_that_overlap_are_found(home, warehouse, ids, faults):
    with warehouse.write() as connection:
        connection.execute(
            sa.insert(tables.segments).values(
                recording_id=ids[0], channel=0, segment_no=1, day=DAY, role="agent",
                start_s=1.0, end_s=1.5, level_dbfs=-20.0, kind="speech",
            )
        )  # fmt: skip
    assert faults("segments") == {ids[0]}


def test_a_segment_without_a_transcript_is_found(warehouse, ids, faults):
    with warehouse.write() as connection:
        table = tables.transcripts
        connection.execute(
            sa.delete(table).where(table.c.recording_id == ids[0], table.c.channel == 1)
        )
    assert faults("transcripts") == {ids[0]}


def test_a_recording_under_a_day_on_which_it_did_not_start_is_found(home, warehouse, ids):
    change(warehouse, tables.recordings, ids[0], day="2025-03-15")
    with warehouse.read() as connection:
        found = recordings._faults(Scope(connection, home, "2025-03-15", "run", NOW))
    assert found == [ids[0]]


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_recording_without_a_ledger_row_is_found(home, warehouse, ids, stage):
    table = tables.stage_runs
    with warehouse.write() as connection:
        connection.execute(
            sa.delete(table).where(table.c.recording_id == ids[0], table.c.stage == stage)
        )
    with warehouse.read() as connection:
        scope = Scope(connection, home, DAY, "run", NOW)
        assert missing_stage_runs(stage)(scope) == [ids[0]]


def test_a_recording_that_another_run_works_on_is_not_missing(home, warehouse, ids):
    table = tables.stage_runs
    with warehouse.write() as connection:
        mine = table.c.recording_id == ids[0]
        connection.execute(sa.delete(table).where(mine, table.c.stage == "transcripts"))
        connection.execute(
            sa.update(table).where(mine, table.c.stage == "segments").values(status="claimed")
        )
    with warehouse.read() as connection:
        assert missing_stage_runs("transcripts")(Scope(connection, home, DAY, "run", NOW)) == []


def test_a_recording_that_another_run_has_just_processed_is_not_missing(home, warehouse, ids):
    """Two runs share a day: between its stages the other one holds no claim."""
    table = tables.stage_runs
    with warehouse.write() as connection:
        connection.execute(sa.delete(table).where(table.c.stage == "alerts"))
    with warehouse.read() as connection:
        find = missing_stage_runs("alerts")
        before_it = datetime.now(UTC) - timedelta(days=1)
        assert find(Scope(connection, home, DAY, "another", before_it)) == []
        assert find(Scope(connection, home, DAY, "another", NOW)) == ids
        assert find(Scope(connection, home, DAY, "run", before_it)) == ids


def test_a_recording_that_another_run_ingests_meanwhile_does_not_stop_this_run(
    home, warehouse, ids
):
    with warehouse.write() as connection:
        connection.execute(sa.delete(tables.stage_runs))
    with warehouse.read() as connection:
        find = missing_stage_runs("segments")
        before_it = datetime.now(UTC) - timedelta(days=1)
        assert find(Scope(connection, home, DAY, "another", before_it)) == []
        assert find(Scope(connection, home, DAY, "another", NOW)) == ids
        assert find(Scope(connection, home, DAY, "run", before_it)) == ids  # its own


@pytest.mark.parametrize("status", ["failed", "blocked"])
def test_a_recording_that_is_given_up_is_named(home, warehouse, ids, status):
    table = tables.stage_runs
    with warehouse.write() as connection:
        where = (table.c.recording_id == ids[0], table.c.stage == "emotions")
        connection.execute(sa.update(table).where(*where).values(status=status))
    with warehouse.read() as connection:
        scope = Scope(connection, home, DAY, "run", NOW)
        assert failed_stage_runs("emotions")(scope) == [ids[0]]
        assert failed_stage_runs("transcripts")(scope) == []


# Drift, pure --------------------------------------------------------------------------------

BOUNDS = Bounds(low=0.1, high=0.9, max_change=0.2)


@pytest.mark.parametrize(("value", "past"), [(0.1, None), (0.9, None), (0.5, 0.3), (0.5, 0.69)])
def test_an_ordinary_value_gives_no_warning(value, past):
    assert explain_deviation(value, past, BOUNDS) is None


def test_a_value_out_of_bounds_is_explained_with_the_bounds():
    assert explain_deviation(0.95, None, BOUNDS) == "0.95 is outside 0.1 to 0.9"
    assert explain_deviation(0.05, 0.05, BOUNDS) == "0.05 is outside 0.1 to 0.9"


def test_a_value_far_from_its_own_past_is_explained_with_the_past():
    assert explain_deviation(0.8, 0.5, BOUNDS) == "0.8 against 0.5 over the 14 days before"


def test_a_value_that_is_not_a_number_is_out_of_bounds():
    assert explain_deviation(float("nan"), None, BOUNDS) is not None


# Through Dagster ----------------------------------------------------------------------------


@pytest.mark.integration
def test_a_fault_on_one_day_of_a_range_stops_the_run_and_names_day_and_recording(
    dagster_home, warehouse, rules, monkeypatch
):
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    write_call(dagster_home.drop, DAY, "1001", seed=1)
    write_call(dagster_home.drop, "2025-03-15", "1002", seed=2, anger=0.29)

    class Overlong(FakeModels):
        def detect(self, waveforms):
            return [
                [Span(1.0, 9.0)] if abs(wave).max() > 0.35 else spans
                for wave, spans in zip(waveforms, super().detect(waveforms), strict=True)
            ]

    url = warehouse.engine.url.render_as_string(hide_password=False)

    def process(models: FakeModels):
        resource = dg.ResourceDefinition.hardcoded_resource(models)
        return process_drop_folder(
            Settings.from_environment(warehouse_url=url),
            lambda *_: None,
            copy=False,
            force=True,
            resource_overrides={"speech_models": resource},
            log_level="CRITICAL",
        )

    models = Overlong()
    result = process(models)
    assert len(result.failed_runs) == 1
    assert models.calls["asr"] == 0
    by_day = {r["day"]: r["recording_id"] for r in read_rows(warehouse, tables.recordings)}
    with dg.DagsterInstance.get() as instance:
        records = instance.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        )
    results = [r.event_log_entry.dagster_event.asset_check_evaluation_data for r in records]
    (sound,) = (r for r in results if r.check_name == "segments_are_sound")
    assert not sound.passed
    (finding,) = sound.metadata["failing_days"].records
    assert finding.data["day"] == "2025-03-15"
    assert by_day["2025-03-15"] in finding.data["finding"]
    assert process(FakeModels()).failed_runs == {}
