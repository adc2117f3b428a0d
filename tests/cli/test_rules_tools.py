"""`callqa rules lint | test | diff`: what they print, and when they fail."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from callqa_assets.cli import app
from callqa_assets.domain.rules.rule_set import RulesError
from resources.storage.home import REPO
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_snapshot

SUITE = """
rules: rules.yaml
cases:
  - name: an angry customer
    speech: [{role: customer, start: 1, feels: [{sec: 2, angry: 0.7}]}]
    expect: [{rule: anger, role: customer, between: [1, 3]}]
"""


def callqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of one's own, with a suite in it."""
    folder = tmp_path / "configs"
    shutil.copytree(REPO / "configs", folder)
    shutil.rmtree(folder / "rule_tests")
    (folder / "rule_tests").mkdir()
    (folder / "rule_tests" / "anger.yaml").write_text(SUITE)
    (folder / "rules.yaml").write_text(RULES.format(threshold=0.5))
    monkeypatch.setenv("CALLQA_CONFIGS", str(folder))
    monkeypatch.delenv("CALLQA_CHANNELS", raising=False)
    monkeypatch.delenv("CALLQA_MODEL_PROFILE", raising=False)
    return folder


DOCUMENTED = re.findall(
    r"^```yaml\n(.*?)^```$", (REPO / "docs" / "rules_tools.md").read_text("utf-8"), re.M | re.S
)


def test_the_documents_examples_are_a_suite_that_passes_and_rules_without_findings(tmp_path):
    suite, rules = DOCUMENTED
    (tmp_path / "suite.yaml").write_text(suite)
    assert callqa("test", tmp_path / "suite.yaml").output == "1 of 1 cases passed\n"
    (tmp_path / "new.yaml").write_text(rules)
    assert callqa("lint", "--strict", tmp_path / "new.yaml").output == "0 errors, 0 warnings\n"


# lint ---------------------------------------------------------------------------------------


def test_the_shipped_rules_have_no_findings():
    result = callqa("lint", "--strict")
    assert (result.exit_code, result.output) == (0, "0 errors, 0 warnings\n")


def test_a_warning_fails_only_a_strict_lint_and_an_error_always(configs):
    file = configs / "mine.yaml"
    file.write_text("rules:\n  - {name: mood, combination: [sad, neutral], min_sum: 0.8}\n")
    loose, strict = callqa("lint", file), callqa("lint", file, "--strict")
    assert (loose.exit_code, strict.exit_code) == (0, 1)
    assert f"{file}:2: warning: rule 'mood'" in loose.output
    assert "0 errors, 1 warnings" in loose.output
    file.write_text(
        "rules:\n  - {name: anger, emotion: angry, threshold: 0.8, channels: [pager]}\n"
    )
    wrong = callqa("lint", file)
    assert wrong.exit_code == 1
    assert "'pager', which is no configured channel: choose from " in wrong.output


def test_what_the_model_knows_follows_from_the_profile_that_names_the_file(configs):
    rule = "rules:\n  - {name: unclear, emotion: other, threshold: 0.4, review: true}\n"
    (configs / "alert_rules_compact.yaml").write_text(rule)
    result = callqa("lint")
    assert result.exit_code == 1
    assert "the profile's model does not know other" in result.output


def test_a_file_that_is_not_a_rules_file_is_refused_with_the_error_of_the_loader(configs):
    file = configs / "mine.yaml"
    file.write_text("rules:\n  - {name: anger, emotion: angry, treshold: 0.8}\n")
    with pytest.raises(RulesError, match="did you mean `threshold`"):
        callqa("lint", file)
    file.write_bytes(b"rules: \xff\xfe")
    with pytest.raises(RulesError, match="UTF-8"):
        callqa("lint", file)


# test ---------------------------------------------------------------------------------------


def test_the_shipped_suites_pass():
    result = callqa("test")
    assert result.exit_code == 0
    assert result.output.endswith("cases passed\n")


def test_a_case_that_fails_is_named_with_what_was_expected_and_what_came(configs):
    assert callqa("test").exit_code == 0
    (configs / "rules.yaml").write_text(RULES.format(threshold=0.8))
    result = callqa("test", configs / "rule_tests" / "anger.yaml")
    assert result.exit_code == 1
    assert "anger.yaml: an angry customer\n" in result.output
    assert "  expected: anger on customer between 1 and 3 s\n" in result.output
    assert "0 of 1 cases passed" in result.output


def test_a_suite_can_be_run_on_other_rules(configs, tmp_path):
    other = tmp_path / "new.yaml"
    other.write_text(RULES.format(threshold=0.5).replace("name: anger", "name: rage"))
    result = callqa("test", "--rules", other)
    assert result.exit_code == 1
    assert "  got: rage on customer from 1 to 3 s\n" in result.output


def test_no_case_at_all_is_no_success(configs):
    (configs / "rule_tests" / "anger.yaml").unlink()
    assert callqa("test").exit_code == 1


# diff ---------------------------------------------------------------------------------------


def test_a_diff_counts_by_rule_shows_examples_and_writes_nothing(home, warehouse, rules):
    for seed, loudness in enumerate((0.2, 0.1)):
        write_call(home.drop, "2025-03-14", f"10{seed}", seed=seed, anger=loudness)
    DirectRun(home, warehouse, rules).run(FakeModels())
    before = read_snapshot(warehouse)
    new = home.root / "new.yaml"
    new.write_text(RULES.format(threshold=0.3))
    result = callqa("diff", "--rules", new, "--from", "2025-03-14", "--to", "2025-03-20")
    assert result.exit_code == 0
    words = " ".join(result.output.split())
    assert "2 calls, 0.00 audio hours; new.yaml against the alerts in force" in words
    assert "anger 1 2 1 0 0 0 → 0 300.00 → 600.00" in words
    assert "all rules 1 2 1 0 0" in words
    assert "added anger: 2025-03-14 20250314-093000_101_13800138000.wav, customer 2.5–" in words
    assert read_snapshot(warehouse) == before

    same = callqa(
        "diff", "--rules", new, "--against", new, "--from", "2025-03-14", "--to", "2025-03-14"
    )
    assert "anger 2 2 0 0 0" in " ".join(same.output.split())
    assert "added anger" not in same.output


def test_days_in_the_wrong_order_are_refused(home, rules):
    result = callqa("diff", "--rules", rules, "--from", "2025-03-14", "--to", "2025-03-13")
    assert result.exit_code == 2
    assert "is before the day of --from" in " ".join(result.output.split())
