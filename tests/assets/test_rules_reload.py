"""A rules file that changes while the system lives: through Dagster, with toy models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from callqa_assets.cli.headless import HeadlessResult, process_drop_folder
from callqa_assets.domain.rules.rule_set import load_rules
from callqa_assets.stages.contract import Progress
from callqa_assets.warehouse import tables
from resources.settings import Settings
from resources.storage.home import Home
from tests.support.calls import RULES, write_call
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

DAYS = ("2025-03-14", "2025-03-15")

pytestmark = pytest.mark.integration


@pytest.fixture
def process(
    dagster_home: Home, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., HeadlessResult]:
    monkeypatch.setenv("CALLQA_RULES", str(rules))
    for seed, day in enumerate(DAYS):
        write_call(dagster_home.drop, day, seed=seed, anger=0.2)

    def run(models: FakeModels, progress: Progress = lambda *_: None) -> HeadlessResult:
        result = process_drop_folder(
            Settings.from_environment(),
            progress,
            copy=False,
            resource_overrides={"speech_models": dg.ResourceDefinition.hardcoded_resource(models)},
            log_level="CRITICAL",
        )
        assert result.failed_runs == {}
        return result

    return run


def hash_of(text: str) -> str:
    return load_rules(text, source="test").rule_hash


def read_check(result: HeadlessResult) -> dg.AssetCheckEvaluation:
    """What `rules_file_is_in_force` said in the result's run."""
    (run_id,) = result.run_ids
    with dg.DagsterInstance.get() as instance:
        said = [
            entry.dagster_event.asset_check_evaluation_data
            for entry in instance.all_logs(
                run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
            )
            if entry.dagster_event
        ]
    (found,) = [check for check in said if check.check_name == "rules_file_is_in_force"]
    return found


def test_changed_rules_are_evaluated_on_stored_calls_and_no_model_runs_again(
    warehouse, process, rules
):
    assert read_check(process(FakeModels())).passed
    before = {row["rule"]: row for row in read_rows(warehouse, tables.alerts)}
    assert set(before) == {"anger"}
    changed = RULES.format(threshold=0.5) + '  - {name: loud, text: {any: ["响度"]}}\n'
    rules.write_text(changed)
    models = FakeModels()
    assert read_check(process(models)).passed
    assert models.calls == {"vad": 0, "asr": 0, "ser": 0}
    rows = read_rows(warehouse, tables.alerts)
    assert {row["rule"] for row in rows} == {"anger", "loud"}
    assert {row["rule_hash"] for row in rows} == {hash_of(changed)}
    kept = {row["alert_id"] for row in rows if row["rule"] == "anger"}
    assert before["anger"]["alert_id"] in kept
    assert {row["rule_hash"] for row in read_rows(warehouse, tables.rule_sets)} == {
        hash_of(RULES.format(threshold=0.5)),
        hash_of(changed),
    }


def test_a_bad_file_leaves_the_last_set_in_force_and_the_check_says_why(
    warehouse, process, rules, home
):
    process(FakeModels())
    rules.write_text("rules:\n  - {name: broken, emotion: furious, threshold: 0.5}")
    write_call(home.drop, DAYS[0], "1009", seed=7, anger=0.2)
    check = read_check(process(FakeModels()))
    assert not check.passed
    problem = str(check.metadata["problem"].value)
    assert f"{rules}, line 2, rule 'broken': `emotion`: 'furious' is no emotion" in problem
    rows = read_rows(warehouse, tables.alerts)
    assert len(rows) == 3
    assert {row["rule_hash"] for row in rows} == {hash_of(RULES.format(threshold=0.5))}
    assert len(read_rows(warehouse, tables.rule_sets)) == 1
    rules.write_text(RULES.format(threshold=0.6))
    assert read_check(process(FakeModels())).passed
    assert {row["rule_hash"] for row in read_rows(warehouse, tables.alerts)} == {
        hash_of(RULES.format(threshold=0.6))
    }


def test_a_run_evaluates_one_rule_set_on_all_its_days(warehouse, process, rules):
    seen: list[str] = []

    def change_after_the_first_day(stage: str, day: str, done: int, total: int) -> None:
        if stage == "alerts" and not seen:
            seen.append(day)
            rules.write_text(RULES.format(threshold=0.7))

    process(FakeModels(), change_after_the_first_day)
    assert seen == [DAYS[0]]
    rows = read_rows(warehouse, tables.alerts)
    assert {row["day"] for row in rows} == set(DAYS)
    assert {row["rule_hash"] for row in rows} == {hash_of(RULES.format(threshold=0.5))}
