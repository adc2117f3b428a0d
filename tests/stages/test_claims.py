"""Who may compute what: claims, leases, attempts. In one process, with fake models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from callqa_assets.domain.claims import ProcessIdentity, new_claim, owner_of
from callqa_assets.stages.contract import run_stage
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse, open_warehouse
from callqa_assets.warehouse.ledger import MAX_CRASHES, MAX_FAILURES, Ledger
from resources.storage.home import Home
from tests.support.calls import set_mtime, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.processes import run_processes
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"


class Stop(BaseException):
    """Stands for what stops a run in a process that lives on: Ctrl-C, a cancelled Dagster run."""


def stop(model: str, items) -> None:
    raise Stop


@pytest.fixture
def direct(home: Home, warehouse, rules: Path) -> DirectRun:
    return DirectRun(home, warehouse, rules)


@pytest.fixture
def one_call(home, direct) -> None:
    write_call(home.drop, DAY)
    direct.ingest_all()


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a process of this host that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    identity = ProcessIdentity(ProcessIdentity.current().host, ended.pid, "1.00")
    ended.wait()
    return f"{identity}#claim"


@pytest.fixture(scope="module")
def alive() -> str:
    return f"{ProcessIdentity.current()}#another-run"


def cut(direct: DirectRun, models: FakeModels, **options):
    """Run the first stage alone."""
    stage = direct.stages(models, options.pop("batch_recordings", 32))[0]
    return run_stage(direct.warehouse, stage, DAY, run_id=options.pop("run_id", "run"), **options)


def claim_by(owner: str, direct: DirectRun, stage_no: int = 0) -> None:
    """Claim what is pending at a stage, as a run of another process would."""
    stage = direct.stages(FakeModels())[stage_no]
    ledger = Ledger(
        direct.warehouse, stage.inputs, stage.fingerprint, DAY, "other", claim_token=owner
    )
    ledger.claim(ledger.read_day().pending, timedelta(hours=1))


def set_runs(warehouse: Warehouse, **values) -> None:
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.stage_runs).values(**values))


def run_row(warehouse: Warehouse):
    (row,) = read_rows(warehouse, tables.stage_runs)
    return row


def test_an_attempt_counts_before_anything_is_loaded_or_computed(warehouse, direct, one_call):
    seen = []
    stage = direct.stages(FakeModels(before=lambda *_: seen.append(run_row(warehouse))))[0]

    def load(recording):
        seen.append(run_row(warehouse))
        return stage.load(recording)

    run_stage(warehouse, replace(stage, load=load), DAY, run_id="run")
    assert [(row["status"], row["attempts"]) for row in seen] == [("claimed", 1)] * 2
    assert seen[0]["claimed_by"].startswith(str(ProcessIdentity.current()))


def test_the_claim_of_a_dead_process_is_taken_over_at_once(warehouse, direct, one_call, dead):
    claim_by(dead, direct)
    assert cut(direct, FakeModels()).computed == 1
    row = run_row(warehouse)
    assert (row["status"], row["attempts"], row["claimed_by"]) == ("ok", 2, None)


def test_the_claim_of_a_live_process_holds_until_its_lease_ends(warehouse, direct, one_call, alive):
    claim_by(alive, direct)
    report = cut(direct, FakeModels())
    assert (report.computed, report.elsewhere) == (0, 1)
    set_runs(warehouse, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    assert cut(direct, FakeModels()).computed == 1


def test_the_claim_of_another_host_holds_until_its_lease_ends(warehouse, direct, one_call):
    claim_by(f"{ProcessIdentity('another-host', 1, '1.00')}#claim", direct)
    assert cut(direct, FakeModels()).elsewhere == 1
    set_runs(warehouse, lease_until=datetime.now(UTC) - timedelta(seconds=1))
    assert cut(direct, FakeModels()).computed == 1


@pytest.mark.parametrize("end", [Stop, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_a_run_that_is_stopped_leaves_everything_to_the_next_and_no_attempt_counted(
    home, warehouse, direct, end
):
    for seed in range(6):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    batches = 0

    def stop_at_the_second(model: str, items) -> None:
        nonlocal batches
        batches += 1
        if batches == 2:  # the first is stored, the third is claimed and loading
            raise end

    with pytest.raises(end):
        cut(direct, FakeModels(before=stop_at_the_second), batch_recordings=2)
    rows = read_rows(warehouse, tables.stage_runs)
    held = sorted((r["status"], r["attempts"], r["claimed_by"], r["lease_until"]) for r in rows)
    assert held == [("claimed", 0, None, None)] * 4 + [("ok", 1, None, None)] * 2
    report = cut(direct, FakeModels())
    assert (report.computed, report.elsewhere) == (4, 0)


def test_a_stopped_run_takes_nothing_from_a_run_that_has_claimed_its_recordings_since(
    warehouse, direct, one_call, alive
):
    def lose_and_stop(model: str, items) -> None:
        set_runs(warehouse, claimed_by=alive)
        raise Stop

    with pytest.raises(Stop):
        cut(direct, FakeModels(before=lose_and_stop))
    row = run_row(warehouse)
    assert (row["claimed_by"], row["attempts"]) == (alive, 1)


def test_a_stopped_run_loads_no_further_recording(home, warehouse, direct):
    for seed in range(4):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    loaded: list[str] = []
    loading, stopped = threading.Event(), threading.Event()

    def stop_while_the_next_batch_loads(model: str, items) -> None:
        assert loading.wait(timeout=30)
        # Set by the clean-up; until then the load in progress waits.
        threading.Timer(0.2, stopped.set).start()
        raise Stop

    stage = direct.stages(FakeModels(before=stop_while_the_next_batch_loads))[0]

    def load(recording):
        loaded.append(recording.recording_id)
        if len(loaded) == 2:
            loading.set()
            assert stopped.wait(timeout=30)
        return stage.load(recording)

    # The first call is a batch of its own; the other three are the next.
    with warehouse.read() as connection:
        first = connection.execute(
            sa.select(sa.func.min(tables.recordings.c.recording_id))
        ).scalar_one()
    with warehouse.write() as connection:
        connection.execute(
            sa.update(tables.recordings)
            .where(tables.recordings.c.recording_id == first)
            .values(duration_s=stage.batch_audio_s)
        )
    with pytest.raises(Stop):
        run_stage(warehouse, replace(stage, load=load), DAY, run_id="run")
    assert len(loaded) == 2


def test_a_process_started_at_another_time_under_the_same_pid_is_another():
    me = ProcessIdentity.current()
    assert not me.is_dead()
    assert ProcessIdentity.parse(str(me)) == me
    assert ProcessIdentity(me.host, me.pid, f"{float(me.started) - 60:.2f}").is_dead()


def test_a_claim_is_unique_and_names_its_process():
    claims = [new_claim(), new_claim()]
    assert claims[0] != claims[1]
    assert [owner_of(claim) for claim in claims] == [ProcessIdentity.current()] * 2
    elsewhere = ProcessIdentity("host#2", 1, "1.00")
    assert owner_of(f"{elsewhere}#token") == elsewhere


def test_a_corrected_clock_makes_no_live_process_dead():
    """Linux reckons start times from a boot time that moves by a second when the clock is set."""
    me = ProcessIdentity.current()
    for shift in (-1, 1):
        assert not ProcessIdentity(me.host, me.pid, f"{float(me.started) + shift:.2f}").is_dead()


def test_a_batch_that_lost_its_lease_writes_nothing(warehouse, direct, one_call, alive):
    def lose(model: str, items) -> None:
        set_runs(warehouse, claimed_by=alive)

    report = cut(direct, FakeModels(before=lose))
    assert (report.computed, report.elsewhere) == (0, 1)
    assert read_rows(warehouse, tables.segments) == []
    assert run_row(warehouse)["claimed_by"] == alive


def run_alerts(direct: DirectRun, before_commit):
    """Run the stages above alerts, and alerts with something happening before it commits."""
    stages = {stage.name: stage for stage in direct.stages(FakeModels())}
    alerts = stages["alerts"]
    for stage in alerts.inputs.upstream:
        run_stage(direct.warehouse, stages[stage], DAY, run_id="run")

    def compute(batch):
        result = alerts.compute(batch)
        before_commit()
        return result

    return run_stage(direct.warehouse, replace(alerts, compute=compute), DAY, run_id="run")


def test_of_a_batch_only_the_recordings_still_claimed_are_written(home, warehouse, direct, alive):
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.2)
    direct.ingest_all()
    direct.rules.write_text(direct.rules.read_text() + "    channels: [webhook]\n")
    with warehouse.read() as connection:
        ids = sorted(connection.execute(sa.select(tables.recordings.c.recording_id)).scalars())
    of_alerts = tables.stage_runs.c.stage == "alerts"

    def lose_one() -> None:
        lost = sa.update(tables.stage_runs).where(
            of_alerts, tables.stage_runs.c.recording_id == ids[1]
        )
        with warehouse.write() as connection:
            connection.execute(lost.values(claimed_by=alive))

    report = run_alerts(direct, lose_one)
    assert (report.computed, report.elsewhere) == (2, 1)
    with warehouse.read() as connection:
        runs = connection.execute(sa.select(tables.stage_runs).where(of_alerts)).all()
    assert {run.recording_id: run.status for run in runs} == dict(
        zip(ids, ("ok", "claimed", "ok"), strict=True)
    )
    for table in (tables.alerts, tables.alert_deliveries):
        assert {row["recording_id"] for row in read_rows(warehouse, table)} == {ids[0], ids[2]}


def test_a_claim_on_alerts_is_short_however_long_the_calls(warehouse, direct, one_call):
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.recordings).values(duration_s=90_000.0))

    leases = []

    def read_lease() -> None:
        with warehouse.read() as connection:
            claimed = tables.stage_runs.c.status == "claimed"
            query = sa.select(tables.stage_runs.c.lease_until).where(claimed)
            leases.extend(connection.execute(query).scalars())

    run_alerts(direct, read_lease)
    (lease_until,) = leases
    assert lease_until < datetime.now(UTC) + timedelta(minutes=11)


def test_a_claim_lasts_through_the_batch_that_is_computed_before_it(home, warehouse, direct):
    for seed in range(2):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.recordings).values(duration_s=3_600.0))
    leases: list[datetime] = []

    def read_leases(model: str, items) -> None:
        rows = read_rows(warehouse, tables.stage_runs)
        leases.extend(row["lease_until"] for row in rows if row["lease_until"])

    now = datetime.now(UTC)
    cut(direct, FakeModels(before=read_leases))
    hours = sorted(round((lease - now) / timedelta(hours=1)) for lease in leases[:2])
    assert hours == [2, 4]  # two hours for one of audio


def test_a_failure_after_the_lease_was_lost_is_not_recorded(warehouse, direct, one_call, alive):
    def lose_and_fail(model: str, items) -> None:
        set_runs(warehouse, claimed_by=alive)
        raise RuntimeError("too late")

    cut(direct, FakeModels(before=lose_and_fail))
    row = run_row(warehouse)
    assert (row["status"], row["claimed_by"], row["error"]) == ("claimed", alive, None)


def test_a_call_that_moves_while_it_is_computed_is_written_under_its_new_day(
    home, warehouse, direct
):
    set_mtime(write_call(home.drop, DAY, name="call.wav"), "2025-03-16 10:00")
    moved = False

    def move(model: str, items) -> None:
        nonlocal moved
        if model == "asr" and not moved:
            moved = True
            (home.drop / "call.json").write_text(json.dumps({"started_at": f"{DAY} 09:00:00"}))
            direct.scan_once()

    direct.run(FakeModels(before=move))
    assert moved
    assert {r["day"] for r in read_rows(warehouse, tables.transcripts)} == {DAY}
    models = FakeModels()
    direct.run(models)
    for table in (tables.segments, tables.transcripts, tables.emotion_scores, tables.stage_runs):
        assert {r["day"] for r in read_rows(warehouse, table)} == {DAY}
    # Metadata changed, and with it what the rules read; the transcript is current.
    assert models.calls == {"vad": 0, "asr": 0, "ser": 2}


def test_a_failing_batch_is_tried_one_by_one_and_only_the_culprit_fails(home, warehouse, direct):
    for seed in range(4):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.25 if seed == 2 else 0.05)
    direct.ingest_all()
    sizes: list[int] = []

    def choke(model: str, waveforms) -> None:
        sizes.append(len(waveforms) // 2)
        if any(abs(waveform).max() > 0.3 for waveform in waveforms):
            raise RuntimeError("too loud")

    report = cut(direct, FakeModels(before=choke))
    assert sizes == [4, 1, 1, 1, 1, 1, 1]  # together, one by one, and the culprit twice more
    assert report.computed == 3
    assert list(report.failed.values()) == ["RuntimeError: too loud"]
    again = FakeModels()
    assert len(cut(direct, again).failed) == 1
    assert again.calls["vad"] == 0


def test_a_recording_whose_rows_the_tables_refuse_fails_alone(home, warehouse, direct):
    """A constraint is the warehouse's word on one recording, no fault of the warehouse."""
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.25 if seed == 1 else 0.05)

    class Broken(FakeModels):
        def transcribe(self, channels):
            return [
                [replace(text, language=None) if "0.2" in text.text else text for text in part]
                for part in super().transcribe(channels)
            ]

    reports = direct.run(Broken())
    report = reports["transcripts", DAY]
    assert report.computed == 2
    (error,) = report.failed.values()
    assert error.startswith("IntegrityError")
    assert "INSERT" not in error
    assert "\n" not in error  # PostgreSQL goes on with the row, and what was said in it
    assert reports["alerts", DAY].computed == 2


def test_a_fault_of_the_warehouse_is_raised_and_blames_no_recording(
    warehouse, direct, one_call, monkeypatch
):
    def fail(*args):
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk I/O error"))

    monkeypatch.setattr("callqa_assets.stages.segments.rows_writer", lambda stage: fail)
    with pytest.raises(sa.exc.OperationalError):
        cut(direct, FakeModels())
    row = run_row(warehouse)
    assert (row["status"], row["claimed_by"], row["attempts"]) == ("claimed", None, 0)


def test_a_recording_that_kills_its_process_is_given_up_and_says_so(
    warehouse, direct, one_call, dead
):
    for attempt in range(1, MAX_CRASHES + 1):
        claim_by(dead, direct)
        assert run_row(warehouse)["attempts"] == attempt
    models = FakeModels()
    (error,) = cut(direct, models).failed.values()
    assert f"died {MAX_CRASHES} times" in error
    assert "force" in error
    assert models.calls["vad"] == 0
    assert cut(direct, models, force=True, run_id="forced").computed == 1


def test_what_was_claimed_when_a_process_died_goes_alone_and_last(home, warehouse, direct, dead):
    """With nothing else claimed beside it, the next death has one culprit."""
    for seed in range(3):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    claim_by(dead, direct)
    for seed in range(3, 5):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    sizes: list[tuple[int, int]] = []

    def count(model: str, items) -> None:
        mine = [
            row
            for row in read_rows(warehouse, tables.stage_runs)
            if row["status"] == "claimed" and row["claimed_by"] != dead
        ]
        sizes.append((len(items) // 2, len(mine)))

    assert cut(direct, FakeModels(before=count)).computed == 5
    assert sizes == [(2, 2), (1, 1), (1, 1), (1, 1)]


def fail_always(model: str, items) -> None:
    raise RuntimeError("no")


def test_another_model_gives_a_failed_recording_new_attempts(home, warehouse, direct):
    write_call(home.drop, DAY)

    def fail_asr(model: str, items) -> None:
        if model == "asr":
            raise RuntimeError("no")

    direct.run(FakeModels(before=fail_asr))
    failed = next(r for r in read_rows(warehouse, tables.stage_runs) if r["stage"] == "transcripts")
    assert (failed["status"], failed["attempts"]) == ("failed", MAX_FAILURES)
    same = FakeModels()
    assert direct.run(same)["transcripts", DAY].computed == 0
    assert same.calls["asr"] == 0
    reports = direct.run(FakeModels(version="2"))
    assert (reports["transcripts", DAY].computed, reports["alerts", DAY].computed) == (1, 1)


def test_force_on_a_recording_that_always_fails_comes_to_an_end(warehouse, direct, one_call):
    for run_id in ("first", "second"):
        models = FakeModels(before=fail_always)
        tries: list[str] = []
        models.before = lambda model, items, tries=tries: (
            tries.append(model),
            fail_always(model, items),
        )
        assert len(cut(direct, models, force=True, run_id=run_id).failed) == 1
        assert len(tries) == MAX_FAILURES


def test_two_forced_runs_at_once_do_not_undo_each_other_for_ever(home, warehouse, direct):
    for seed in range(2):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    calls = 0

    def force_meanwhile(model: str, items) -> None:
        nonlocal calls
        calls += 1
        assert calls < 10
        if calls == 2:  # the first recording is done, this run holds the second
            cut(direct, FakeModels(), force=True, run_id="other")

    models = FakeModels(before=force_meanwhile)
    report = cut(direct, models, force=True, run_id="one", batch_recordings=1)
    assert (report.computed, calls) == (2, 2)


def test_a_stage_that_cannot_start_claims_nothing(warehouse, direct, one_call):
    class NoWeights(FakeModels):
        def detector(self):
            raise FileNotFoundError("weights are missing")

    with pytest.raises(FileNotFoundError):
        cut(direct, NoWeights())
    assert read_rows(warehouse, tables.stage_runs) == []


def test_what_is_pending_is_two_statements_however_many_recordings(home, warehouse, direct):
    statements: list[str] = []

    def count(connection, cursor, statement, *_) -> None:
        statements.append(statement)

    for seed in range(6):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    stage = direct.stages(FakeModels())[0]
    sa.event.listen(warehouse.engine, "before_cursor_execute", count)
    try:
        state = Ledger(warehouse, stage.inputs, stage.fingerprint, DAY, "run").read_day()
    finally:
        sa.event.remove(warehouse.engine, "before_cursor_execute", count)
    assert len(state.pending) == 6
    assert len([s for s in statements if s.startswith("SELECT")]) == 2


# Real processes -----------------------------------------------------------------------------


def run_beside_another(barrier, root: Path, url: str, rules: Path, log: Path) -> None:
    """Process a home; the first computation waits until the other process computes as well."""
    met = False

    def meet(model: str, items) -> None:
        nonlocal met
        if not met:
            met = True
            barrier.wait(120)

    class Logged(FakeModels):
        def detect(self, waveforms):
            found = super().detect(waveforms)
            handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            for waveform in waveforms[::2]:
                os.write(handle, f"{os.getpid()} {float(np.abs(waveform).sum()):.6f}\n".encode())
            os.close(handle)
            return found

    home = Home(root)
    direct = DirectRun(home, open_warehouse(url), rules)
    cut(direct, Logged(before=meet), batch_recordings=1)


@pytest.mark.integration
def test_two_processes_on_one_day_share_the_work_and_compute_nothing_twice(
    home, warehouse, direct, rules, tmp_path
):
    for seed in range(8):
        write_call(home.drop, DAY, f"10{seed}", seed=seed)
    direct.ingest_all()
    log = tmp_path / "computed"
    url = warehouse.engine.url.render_as_string(hide_password=False)
    codes = run_processes(run_beside_another, home.root, url, rules, log, count=2)
    assert codes == [0, 0]
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len({pid for pid, _ in lines}) == 2
    assert len(lines) == len({sound for _, sound in lines}) == 8
    runs = read_rows(warehouse, tables.stage_runs)
    assert [(r["status"], r["attempts"]) for r in runs] == [("ok", 1)] * 8
