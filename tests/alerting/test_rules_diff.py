"""`rules diff` says what a run would do, computes nothing upstream and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from callqa_assets.alerting.rules_diff import RulesDiff, RulesDiffError, diff_rules
from callqa_assets.domain.rules.rule_set import RuleSet, load_rules
from callqa_assets.warehouse import tables
from resources.storage.lake import EmotionLake
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows, read_snapshot, read_tracks

DAYS = ("2025-03-14", "2025-03-16")


def rules_at(threshold: float, name: str = "anger") -> RuleSet:
    text = RULES.format(threshold=threshold).replace("name: anger", f"name: {name}")
    return load_rules(text, source="new rules")


def write_calls(drop: Path) -> None:
    """Toy anger is four times the loudness: 0.8, 0.8, 0.4 and 0.2 on three days."""
    for seed, (day, loudness) in enumerate(
        zip(
            ("2025-03-14", "2025-03-15", "2025-03-15", "2025-03-16"),
            (0.2, 0.2, 0.1, 0.05),
            strict=True,
        )
    ):
        write_call(drop, day, f"10{seed}", seed=seed, anger=loudness)


@pytest.fixture
def direct(process_calls) -> DirectRun:
    """The calls processed, with rules at 0.5."""
    return process_calls(write_calls)


@pytest.fixture
def diff(direct):
    def run(rules: RuleSet, days: tuple[str, str] = DAYS, **options) -> RulesDiff:
        return diff_rules(
            direct.warehouse,
            EmotionLake(direct.home),
            direct.home.calendar,
            rules,
            days,
            **options,
        )

    return run


def counts(found: RulesDiff) -> dict[str, int]:
    return {kind: found.count(kind, *found.rules) for kind in ("added", "gone", "moved", "same")}


def test_the_rules_in_force_change_nothing(diff):
    found = diff(rules_at(0.5))
    assert counts(found) == {"added": 0, "gone": 0, "moved": 0, "same": 2}
    assert (found.recordings, found.left_out) == (4, 0)
    assert found.audio_hours == pytest.approx(4 * 6 / 3600)
    assert not any(found.examples.values())


def test_a_lower_level_adds_and_a_higher_one_takes_away_with_examples(diff):
    more = diff(rules_at(0.3))
    assert counts(more) == {"added": 1, "gone": 0, "moved": 0, "same": 2}
    assert (more.before("anger"), more.after("anger")) == (2, 3)
    (example,) = more.examples["anger", "added"]
    assert (example.day, example.role) == ("2025-03-15", "customer")
    assert example.source_name.startswith("20250315-093000_102_")
    assert example.text.startswith("响度")
    none = diff(rules_at(0.9))
    assert counts(none) == {"added": 0, "gone": 2, "moved": 0, "same": 0}
    assert [e.day for e in none.examples["anger", "gone"]] == ["2025-03-14", "2025-03-15"]
    assert all(e.text.startswith("响度") for e in none.examples["anger", "gone"])


def test_a_rule_that_ends_later_moves_its_alerts(diff, direct):
    with direct.warehouse.write() as connection:
        connection.execute(sa.update(tables.alerts).values(ended_s=tables.alerts.c.ended_s - 0.5))
    found = diff(rules_at(0.5))
    assert counts(found) == {"added": 0, "gone": 0, "moved": 2, "same": 0}
    change = found.examples["anger", "moved"][0].change
    assert change.after_s[1] == pytest.approx(change.before_s[1] + 0.5)


def test_another_name_is_another_rule(diff):
    found = diff(rules_at(0.5, name="rage"))
    assert found.rules == ["anger", "rage"]
    assert (found.count("gone", "anger"), found.count("added", "rage")) == (2, 2)


def test_only_the_days_asked_for_are_compared(diff):
    found = diff(rules_at(0.3), ("2025-03-15", "2025-03-15"))
    assert (found.recordings, found.before("anger"), found.after("anger")) == (2, 1, 2)


def test_superseded_alerts_are_not_compared_with(diff, direct):
    with direct.warehouse.write() as connection:
        connection.execute(sa.update(tables.alerts).values(superseded_at=sa.func.now()))
    assert counts(diff(rules_at(0.5)))["added"] == 2


def test_two_files_are_compared_whatever_alerts_are_stored(diff, direct):
    with direct.warehouse.write() as connection:
        connection.execute(sa.update(tables.alerts).values(superseded_at=sa.func.now()))
    found = diff(rules_at(0.3), against=rules_at(0.5))
    assert counts(found) == {"added": 1, "gone": 0, "moved": 0, "same": 2}


def test_inhibited_alerts_are_counted(diff):
    pair = (
        RULES.format(threshold=0.5)
        + """
  - name: rage
    emotion: angry
    threshold: 0.7
    priority: high
    inhibits: anger
"""
    )
    found = diff(load_rules(pair, source="new rules"))
    assert (found.inhibited_before["anger"], found.inhibited_after["anger"]) == (0, 2)
    assert (found.count("same", "anger"), found.count("added", "rage")) == (2, 2)
    again = diff(rules_at(0.5), against=load_rules(pair, source="new rules"))
    assert (again.inhibited_before["anger"], again.inhibited_after["anger"]) == (2, 0)


def test_as_many_examples_as_asked_for(diff):
    assert len(diff(rules_at(0.9), examples=1).examples["anger", "gone"]) == 1


def test_calls_that_are_not_fully_processed_are_left_out_and_counted(diff, direct):
    runs = tables.stage_runs
    first = min(r["recording_id"] for r in read_rows(direct.warehouse, tables.alerts))
    with direct.warehouse.write() as connection:
        connection.execute(
            sa.update(runs)
            .where(runs.c.recording_id == first, runs.c.stage == "emotions")
            .values(status="failed")
        )
    found = diff(rules_at(0.5))
    assert (found.recordings, found.left_out) == (3, 1)
    assert counts(found) == {"added": 0, "gone": 0, "moved": 0, "same": 1}


def test_it_foretells_exactly_what_a_run_then_does(diff, direct):
    before = {r["alert_id"] for r in read_rows(direct.warehouse, tables.alerts)}
    foretold = diff(rules_at(0.3))
    direct.rules.write_text(RULES.format(threshold=0.3))
    direct.run(FakeModels())
    standing = [r for r in read_rows(direct.warehouse, tables.alerts) if r["superseded_at"] is None]
    assert len(standing) == foretold.after("anger")
    new = {r["alert_id"] for r in standing} - before
    assert new == {e.change.alert_id for e in foretold.examples["anger", "added"]}


def test_nothing_is_written_and_no_model_runs(diff, direct, home, warehouse):
    def snapshot():
        files = sorted(
            (str(p.relative_to(home.root)), p.stat().st_mtime_ns)
            for p in home.root.rglob("*")
            if p.is_file() and not p.name.startswith("callqa.db")
        )
        tables_and_intake = read_snapshot(warehouse), read_rows(warehouse, tables.intake)
        return files, tables_and_intake, read_tracks(warehouse, home.root)

    before = snapshot()
    diff(rules_at(0.3))
    diff(rules_at(0.3), against=rules_at(0.9))
    assert snapshot() == before


def test_progress_ends_with_every_call(diff):
    reports = []
    diff(rules_at(0.3), progress=lambda done, total: reports.append((done, total)))
    assert reports == [(4, 4)]


def test_a_missing_track_is_an_error_that_names_its_day_and_the_fix(diff, home):
    for path in home.emotion_tracks.glob("*.parquet"):
        path.rename(path.with_suffix(".gone"))
    with pytest.raises(RulesDiffError, match=r"with force .* 2025-03-14 to 2025-03-16"):
        diff(rules_at(0.3))
