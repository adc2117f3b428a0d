"""What a day's ledger rows mean for a stage, sorted without a database."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.claims import ProcessIdentity, new_claim
from callqa_assets.domain.digest import digest
from callqa_assets.warehouse.ledger import (
    MAX_CRASHES,
    MAX_FAILURES,
    BatchRecord,
    DayState,
    LedgerRow,
    StageInputs,
    sort_day,
)

NOW = datetime(2025, 3, 14, 12, tzinfo=UTC)
RECORDING = Recording(
    recording_id="r1",
    day="2025-03-14",
    content_sha256="c",
    archive_path="archive/r1.wav",
    channels=1,
    channel_roles=("customer",),
    sample_rate=8000,
    duration_s=60.0,
    started_at=NOW,
    metadata_version="m",
)
INPUTS = StageInputs(
    stage="transcripts",
    upstream=("segments",),
    facts=lambda recording: {"content": recording.content_sha256},
)
ABOVE = LedgerRow(status="ok", run_id="earlier", output_version="o1")
INPUT_VERSION = digest({"segments": "o1"}, {"content": "c"})
TARGET = digest("f", INPUT_VERSION)
STORED = LedgerRow(
    status="ok",
    run_id="earlier",
    fingerprint="f",
    input_version=INPUT_VERSION,
    output_version=TARGET,
    target=TARGET,
    attempts=1,
)
FAILED = replace(STORED, status="failed", attempts=MAX_FAILURES)
CLAIMED = replace(
    STORED, status="claimed", claimed_by=new_claim(), lease_until=NOW + timedelta(seconds=1)
)


@pytest.fixture(scope="module")
def dead_claim() -> str:
    """The claim of a process of this host that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{ProcessIdentity(ProcessIdentity.current().host, ended.pid, '1.00')}#token"


def sort(
    row: LedgerRow | None, *, above: LedgerRow | None = ABOVE, force: str | None = None
) -> DayState:
    rows = {"segments": above, "transcripts": row}
    found = {stage: row for stage, row in rows.items() if row is not None}
    return sort_day([(RECORDING, found)], INPUTS, "f", force_token=force, now=NOW)


def attempts_of(state: DayState) -> int:
    (item,) = state.pending
    assert state == DayState(pending=[item])
    assert (item.input_version, item.target) == (INPUT_VERSION, TARGET)
    return item.attempts


def test_a_recording_without_a_ledger_row_is_pending():
    assert attempts_of(sort(None)) == 0


def test_what_is_stored_is_current_until_its_stage_or_its_input_changes():
    assert sort(STORED) == DayState(current=["r1"])
    for changed in (replace(STORED, fingerprint="f0"), replace(STORED, input_version="i0")):
        assert attempts_of(sort(changed)) == 0


def test_a_force_token_computes_once_what_is_current_and_no_force_accepts_its_result():
    assert attempts_of(sort(STORED, force="run")) == 0
    forced = replace(STORED, run_id="run", output_version=digest(TARGET, "run"))
    assert sort(forced, force="run") == DayState(current=["r1"])
    assert sort(forced) == DayState(current=["r1"])
    assert attempts_of(sort(forced, force="another")) == 0


@pytest.mark.parametrize("status", ["failed", "blocked"])
def test_a_broken_upstream_stage_blocks(status):
    assert sort(STORED, above=replace(ABOVE, status=status)) == DayState(blocked={"r1": "segments"})


@pytest.mark.parametrize("above", [None, replace(CLAIMED, status="claimed")])
def test_an_upstream_stage_that_is_not_done_is_waited_for(above):
    assert sort(None, above=above) == DayState(elsewhere=["r1"])


def test_a_blocked_recording_is_pending_once_its_upstream_stage_succeeds():
    assert attempts_of(sort(LedgerRow(status="blocked", run_id="earlier"))) == 0


def test_a_recording_is_given_up_after_its_last_failure():
    assert attempts_of(sort(replace(FAILED, attempts=MAX_FAILURES - 1))) == MAX_FAILURES - 1
    assert sort(FAILED) == DayState(failed=["r1"])


def test_another_target_or_a_forced_run_counts_attempts_from_zero():
    assert attempts_of(sort(replace(FAILED, target="t0"))) == 0
    assert attempts_of(sort(FAILED, force="run")) == 0
    assert sort(FAILED, force="earlier") == DayState(failed=["r1"])


def test_a_claim_holds_while_its_process_lives_and_its_lease_lasts(dead_claim):
    assert sort(CLAIMED) == DayState(elsewhere=["r1"])
    assert attempts_of(sort(replace(CLAIMED, lease_until=NOW))) == 1
    assert attempts_of(sort(replace(CLAIMED, claimed_by=dead_claim))) == 1


def test_a_recording_that_kills_its_process_is_given_up_after_its_last_death(dead_claim):
    dead = replace(CLAIMED, claimed_by=dead_claim)
    assert attempts_of(sort(replace(dead, attempts=MAX_CRASHES - 1))) == MAX_CRASHES - 1
    state = sort(replace(dead, attempts=MAX_CRASHES))
    (item,) = state.crashed
    assert state == DayState(crashed=[item])
    assert item.attempts == MAX_CRASHES


def test_a_recordings_share_of_a_batchs_seconds_follows_its_duration():
    assert BatchRecord(seconds=10.0, audio_s=240.0, recordings=3).share_of(RECORDING) == 2.5
    assert BatchRecord(seconds=9.0, audio_s=0.0, recordings=3).share_of(RECORDING) == 3.0
