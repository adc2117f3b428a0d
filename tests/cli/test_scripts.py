"""`callqa scripts lint | test`: what they print, and when they fail."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from callqa_assets.cli import app
from resources.storage.home import REPO

SCRIPTS = """
scripts:
  - name: service
    items:
      - {name: greeting, required: 您好很高兴为您服务}
      - {name: promise, forbidden: 保本}
"""


def callqa(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["scripts", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of one's own."""
    folder = tmp_path / "configs"
    shutil.copytree(REPO / "configs", folder)
    monkeypatch.setenv("CALLQA_CONFIGS", str(folder))
    return folder


def test_the_shipped_scripts_pass_lint_and_their_suite(configs):
    linted, tested = callqa("lint", "--strict"), callqa("test")
    assert (linted.exit_code, linted.output) == (0, "0 errors, 0 warnings\n")
    assert tested.exit_code == 0
    assert re.fullmatch(r"(\d+) of \1 cases passed\n", tested.output)


DOCUMENTED = re.findall(
    r"^```yaml\n(.*?)^```$", (REPO / "docs" / "scripts.md").read_text("utf-8"), re.M | re.S
)


def test_the_documents_examples_have_no_findings_and_pass(configs, tmp_path):
    scripts, suite = DOCUMENTED
    (tmp_path / "scripts.yaml").write_text(scripts, "utf-8")
    (tmp_path / "suite.yaml").write_text(suite, "utf-8")
    linted = callqa("lint", "--strict", tmp_path / "scripts.yaml")
    assert linted.output == "0 errors, 0 warnings\n"
    assert callqa("test", tmp_path / "suite.yaml").output == "1 of 1 cases passed\n"


def test_a_warning_fails_lint_only_where_it_is_strict(configs):
    (configs / "scripts.yaml").write_text(SCRIPTS, "utf-8")
    assert callqa("lint").exit_code == 0
    strict = callqa("lint", "--strict")
    assert strict.exit_code == 1
    assert "item 'promise' forbids '保本'" in strict.output
    assert strict.output.endswith("0 errors, 1 warnings\n")


def test_a_case_that_fails_is_told_with_what_came_out(configs, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        """
scripts: scripts.yaml
cases:
  - name: short
    speech: [{role: agent, says: 您好}]
    expect: {service.greeting: passed}
""",
        "utf-8",
    )
    scripts = tmp_path / "other.yaml"
    scripts.write_text(SCRIPTS, "utf-8")
    failed = callqa("test", "--scripts", scripts, suite)
    assert failed.exit_code == 1
    assert failed.output == (
        f"{suite}: short\n  expected service.greeting passed, got missed (not_said)\n"
        "0 of 1 cases passed\n"
    )
