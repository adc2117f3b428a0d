"""Which days run next: every day that needs a run gets one, none runs for ever."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from callqa_assets.domain.days import days_between
from callqa_assets.stages.planning import (
    GENERATIONS_TAG,
    MAX_ATTEMPTS,
    PARTITION_TAG,
    PlannedRun,
    RunRecord,
    plan_runs,
    range_tags,
)

MARCH = days_between("2025-03-01", "2025-03-31")


def ended(run: PlannedRun) -> RunRecord:
    return RunRecord(run.tags, is_active=False)


def plan_one(dirty, runs=()) -> PlannedRun:
    (run,) = plan_runs(dirty, runs, max_runs=10).runs
    return run


def test_contiguous_days_share_a_run_and_a_gap_parts_them():
    dirty = {"2025-03-01": 1, "2025-03-02": 4, "2025-03-04": 1}
    runs = plan_runs(dirty, [], max_runs=10).runs
    assert [(r.start, r.end) for r in runs] == [
        ("2025-03-01", "2025-03-02"),
        ("2025-03-04", "2025-03-04"),
    ]


def test_a_run_crosses_the_end_of_a_month_and_a_leap_day():
    dirty = {"2024-02-28": 1, "2024-02-29": 1, "2024-03-01": 1}
    assert list(plan_one(dirty).generations) == sorted(dirty)


def test_the_days_of_a_run_and_the_runs_of_a_plan_are_bounded():
    dirty = dict.fromkeys(MARCH, 1)
    runs = plan_runs(dirty, [], max_runs=2, max_days_per_run=10).runs
    assert [(r.start, r.end) for r in runs] == [
        ("2025-03-01", "2025-03-10"),
        ("2025-03-11", "2025-03-20"),
    ]


def test_a_day_with_an_active_run_waits_for_it():
    single = RunRecord({PARTITION_TAG: "2025-03-02"}, is_active=True)
    ranged = RunRecord(range_tags("2025-03-04", "2025-03-06"), is_active=True)
    plan = plan_runs(dict.fromkeys(MARCH[:7], 1), [single, ranged], max_runs=10)
    assert [(r.start, r.end) for r in plan.runs] == [
        ("2025-03-01", "2025-03-01"),
        ("2025-03-03", "2025-03-03"),
        ("2025-03-07", "2025-03-07"),
    ]
    assert plan.active == ["2025-03-02", "2025-03-04", "2025-03-05", "2025-03-06"]


def test_a_run_without_days_blocks_no_day():
    plan = plan_runs({"2025-03-01": 1}, [RunRecord({}, is_active=True)], max_runs=10)
    assert len(plan.runs) == 1
    assert plan.active == []


def test_attempts_are_bounded_and_then_the_day_is_given_up():
    dirty, runs, keys = {"2025-03-01": 1}, [], set()
    for attempt in range(1, MAX_ATTEMPTS + 1):
        run = plan_one(dirty, runs)
        assert run.attempt == attempt
        keys.add(run.run_key)
        runs.append(ended(run))
    plan = plan_runs(dirty, runs, max_runs=10)
    assert (plan.runs, plan.given_up) == ([], ["2025-03-01"])
    assert len(keys) == MAX_ATTEMPTS


def test_a_new_arrival_starts_the_attempts_again_under_a_new_key():
    runs = [ended(plan_one({"2025-03-01": 1}))] * MAX_ATTEMPTS
    run = plan_one({"2025-03-01": 2}, runs)
    assert run.attempt == 1
    assert run.run_key != plan_one({"2025-03-01": 1}).run_key


def test_days_with_unlike_attempts_do_not_share_a_run():
    """Else a fresh day would ride on a failing one's last attempt."""
    failed = ended(plan_one({"2025-03-01": 1}))
    runs = plan_runs({"2025-03-01": 1, "2025-03-02": 1}, [failed], max_runs=10).runs
    assert [(r.start, r.attempt) for r in runs] == [("2025-03-01", 2), ("2025-03-02", 1)]


def test_the_tags_say_which_days_and_arrivals_a_run_covers():
    run = plan_one({"2025-03-01": 3, "2025-03-02": 1})
    record = ended(run)
    assert record.days == ["2025-03-01", "2025-03-02"]
    assert record.generations == {"2025-03-01": 3, "2025-03-02": 1}
    assert all(isinstance(value, str) for value in run.tags.values())


def test_a_run_without_generations_counts_as_no_attempt():
    by_hand = RunRecord(range_tags("2025-03-01", "2025-03-01"), is_active=False)
    assert GENERATIONS_TAG not in by_hand.tags
    assert plan_one({"2025-03-01": 1}, [by_hand] * 5).attempt == 1


generations = st.dictionaries(st.sampled_from(MARCH), st.integers(1, 3))


@st.composite
def histories(draw):
    records = []
    for _ in range(draw(st.integers(0, 12))):
        days = sorted(draw(st.sets(st.sampled_from(MARCH), min_size=1, max_size=2)))
        covered = days_between(days[0], days[-1])
        run = PlannedRun({day: draw(st.integers(1, 3)) for day in covered}, 1)
        records.append(RunRecord(run.tags, is_active=draw(st.booleans())))
    return records


@settings(deadline=None)  # a busy machine is no fault
@given(generations, histories(), st.integers(1, 31))
def test_every_day_that_needs_a_run_is_in_exactly_one_and_no_other_day_is(dirty, history, longest):
    plan = plan_runs(dirty, history, max_runs=100, max_days_per_run=longest)
    covered = [day for run in plan.runs for day in ended(run).days]
    assert len(covered) == len(set(covered))
    assert sorted([*covered, *plan.active, *plan.given_up]) == sorted(dirty)
    active = {day for run in history if run.is_active for day in run.days}
    assert not active & set(covered)
    for run in plan.runs:
        assert run.generations == {day: dirty[day] for day in ended(run).days}
        assert len(run.generations) <= longest
        assert run.attempt <= MAX_ATTEMPTS
