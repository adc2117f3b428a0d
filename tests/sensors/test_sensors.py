"""The sensors on an instance with real run records: the records decide, so none is mocked."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.test_utils import create_run_for_test

from callqa_assets.domain.claims import ProcessIdentity
from callqa_assets.domain.days import DEFAULT_CALENDAR
from callqa_assets.jobs import process_calls
from callqa_assets.partitions import daily_partitions
from callqa_assets.sensors.dead_runs import fail_dead_runs
from callqa_assets.sensors.drop_folder import SETTLE, drop_folder_sensor
from callqa_assets.stages.planning import MAX_ATTEMPTS, PROCESS_TAG, RANGE_END_TAG, RANGE_START_TAG
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.dirty_days import mark_done, read_dirty_days
from resources.dagster_resources import build_resources
from resources.settings import Settings
from tests.support.calls import set_mtime, write_call

DAYS = daily_partitions(DEFAULT_CALENDAR)
DAY = "2025-03-14"
FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
STARTING, STARTED = dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def tick(home, instance):
    """Evaluate the sensor once; returns its run requests, or why there are none."""

    def evaluate() -> list[dg.RunRequest] | str:
        resources = build_resources(Settings.from_environment())
        context = dg.build_sensor_context(
            instance=instance,
            resources={k: resources[k] for k in ("home", "warehouse", "drop_folder")},
        )
        result = drop_folder_sensor(context)
        if isinstance(result, dg.SkipReason):
            return result.skip_message
        return list(result.run_requests)

    return evaluate


def test_what_a_scan_leaves_out_is_logged_once_and_stays_on_the_sensor_s_page(home, instance):
    os.mkfifo(home.drop / "pipe.wav")
    resources = build_resources(Settings.from_environment())
    cursor, logged = None, []
    for _ in range(2):
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            resources={k: resources[k] for k in ("home", "warehouse", "drop_folder")},
        )
        with captured_log(context) as lines:
            result = drop_folder_sensor(context)
        assert isinstance(result, dg.SkipReason)
        assert "1 left out, see the log" in (result.skip_message or "")
        cursor = context.cursor
        logged.append([line for line in lines if "pipe.wav" in line])
    assert list(map(len, logged)) == [1, 0]


@contextmanager
def captured_log(context: dg.SensorEvaluationContext):
    """The lines that the sensor logs."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    context.log.addHandler(handler)
    yield lines
    context.log.removeHandler(handler)


@pytest.fixture
def let_settle(warehouse):
    """Let the time pass that a file must stay unchanged."""

    def pass_time() -> None:
        with warehouse.write() as connection:
            connection.execute(
                sa.update(tables.intake).values(first_seen_at=datetime.now(UTC) - SETTLE)
            )

    return pass_time


@pytest.fixture
def request_one(tick, let_settle):
    """Two scans, at the second of which the sensor requests one run."""

    def look_twice() -> dg.RunRequest:
        tick()
        let_settle()
        (request,) = tick()
        return request

    return look_twice


def record(instance, request: dg.RunRequest, status: dg.DagsterRunStatus, **tags) -> dg.DagsterRun:
    return create_run_for_test(
        instance, job_name=process_calls.name, status=status, tags={**request.tags, **tags}
    )


def days_of(request: dg.RunRequest) -> tuple[str, str]:
    return request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]


def test_a_run_is_requested_only_after_two_scans(home, tick, let_settle):
    write_call(home.drop, DAY)
    assert tick() == "1 files in the drop folder, 1 still arriving"
    assert tick() == "1 files in the drop folder, 1 still arriving"  # not settled yet
    let_settle()
    (request,) = tick()
    assert days_of(request) == (DAY, DAY)


def test_a_file_that_still_grows_requests_no_run(home, tick, let_settle):
    path = write_call(home.drop, DAY)
    tick()
    let_settle()
    with path.open("ab") as file:
        file.write(b"more")
    assert tick() == "1 files in the drop folder, 1 still arriving"


@pytest.mark.parametrize("status", [STARTING, STARTED])
def test_no_run_is_requested_for_a_day_with_an_active_run(
    home, instance, tick, request_one, status
):
    write_call(home.drop, DAY)
    record(instance, request_one(), status)
    assert f"runs in progress on {DAY}" in tick()


def test_an_active_backfill_over_the_day_counts_too(home, instance, tick, let_settle):
    write_call(home.drop, DAY)
    create_run_for_test(
        instance,
        job_name="__ASSET_JOB",
        status=STARTED,
        tags={RANGE_START_TAG: "2025-03-01", RANGE_END_TAG: "2025-03-31"},
    )
    tick()
    let_settle()
    assert f"runs in progress on {DAY}" in tick()


def test_a_late_file_runs_its_own_day(home, instance, warehouse, tick, request_one, let_settle):
    write_call(home.drop, DAY)
    record(instance, request_one(), SUCCESS)
    with warehouse.write() as connection:
        mark_done(connection, DAY, 1)
    assert isinstance(tick(), str)
    late = write_call(home.drop, "2025-03-10", seed=1)
    set_mtime(late, "2025-03-16 10:00")
    tick()
    let_settle()
    (request,) = tick()
    assert days_of(request) == ("2025-03-10", "2025-03-10")


def test_a_failed_run_is_tried_again_under_a_new_key_and_then_given_up(
    home, instance, tick, request_one, let_settle
):
    """Dagster never runs a key twice, failed or not: a retry under the old key would be lost."""
    write_call(home.drop, DAY)
    request = request_one()
    keys = set()
    for _ in range(MAX_ATTEMPTS):
        keys.add(request.run_key)
        record(instance, request, FAILURE)
        asked = tick()
        request = asked[0] if isinstance(asked, list) else None
    assert len(keys) == MAX_ATTEMPTS
    assert request is None
    assert f"given up, launch by hand: {DAY}" in asked
    write_call(home.drop, DAY, "1002", seed=2)
    tick()
    let_settle()
    (renewed,) = tick()
    assert renewed.run_key not in keys


def test_runs_of_others_and_runs_without_days_do_not_confuse(home, instance, tick, request_one):
    create_run_for_test(instance, job_name=process_calls.name, status=FAILURE)
    create_run_for_test(instance, job_name=process_calls.name, status=STARTED)
    create_run_for_test(instance, job_name="another_job", status=STARTED)
    write_call(home.drop, DAY)
    assert days_of(request_one()) == (DAY, DAY)


def test_one_tick_requests_at_most_ten_runs_and_the_next_the_rest(home, instance, tick, let_settle):
    days = [f"2025-03-{day:02d}" for day in range(1, 25, 2)]  # no two of them contiguous
    for seed, day in enumerate(days):
        write_call(home.drop, day, seed=seed)
    tick()
    let_settle()
    first = tick()
    assert len(first) == 10
    for request in first:
        record(instance, request, STARTING)
    assert [days_of(r)[0] for r in tick()] == days[10:]


@pytest.mark.parametrize("stated", ["2019-12-31 23:59:59", "2199-01-01 00:00:00", "0001-01-01"])
def test_no_run_is_requested_for_a_day_that_is_no_partition(
    home, warehouse, tick, let_settle, stated
):
    """One run request for an unknown partition fails the sensor's whole tick."""
    path = write_call(home.drop, DAY, name="call.wav")
    set_mtime(path, f"{DAY} 10:00")
    (home.drop / "call.json").write_text(json.dumps({"started_at": stated}))
    tick()
    let_settle()
    (request,) = tick()
    assert days_of(request) == (DAY, DAY)
    with warehouse.read() as connection:
        assert set(read_dirty_days(connection)) <= set(DAYS.get_partition_keys())


def test_a_run_of_todays_calls_is_requested_today(home, tick, let_settle):
    today = datetime.now(ZoneInfo(DAYS.timezone)).date().isoformat()
    write_call(home.drop, today, name="call.wav")
    tick()
    let_settle()
    (request,) = tick()
    assert days_of(request)[0] in DAYS.get_partition_keys()


# Dead runs ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dead() -> ProcessIdentity:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ProcessIdentity(ProcessIdentity.current().host, ended.pid, "1.00")


def run_of(instance, process: ProcessIdentity | None, status=STARTED, **options) -> str:
    tags = {} if process is None else {PROCESS_TAG: str(process)}
    return create_run_for_test(instance, status=status, tags=tags, **options).run_id


@pytest.mark.parametrize(
    "status", [STARTED, dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.NOT_STARTED]
)
def test_a_run_whose_process_is_gone_is_failed(instance, dead, status):
    run_id = run_of(instance, dead, status)
    assert fail_dead_runs(instance) == [run_id]
    assert instance.get_run_by_id(run_id).status == FAILURE
    assert fail_dead_runs(instance) == []


def test_a_run_of_a_live_process_or_of_another_host_is_left(instance, dead):
    run_of(instance, ProcessIdentity.current())
    run_of(instance, ProcessIdentity("another-host", dead.pid, dead.started))
    run_of(instance, None)
    run_of(instance, dead, SUCCESS)
    assert fail_dead_runs(instance) == []


def test_a_re_executed_run_is_not_taken_for_its_dead_parent(instance, dead):
    """Dagster gives it the parent's tags, the process included, until its first step."""
    parent = run_of(instance, dead, FAILURE)
    run_of(instance, dead, parent_run_id=parent, root_run_id=parent)
    assert fail_dead_runs(instance) == []


def test_a_day_whose_run_died_is_requested_again(home, instance, tick, request_one, dead):
    write_call(home.drop, DAY)
    request = request_one()
    record(instance, request, STARTED, **{PROCESS_TAG: str(dead)})
    assert isinstance(tick(), str)
    fail_dead_runs(instance)
    (again,) = tick()
    assert days_of(again) == (DAY, DAY)
    assert again.run_key != request.run_key
