"""Suites of scripts: a case's dialogue is what is judged, and differences are told."""

from __future__ import annotations

import pytest

from callqa_assets.domain.scripts.evaluate import ScriptChecker
from callqa_assets.domain.scripts.script_set import load_scripts
from callqa_assets.domain.scripts.suite import SuiteError, load_suite, run_case

CHECKER = ScriptChecker(
    load_scripts(
        """
scripts:
  - name: s
    when: {queue: vip}
    items:
      - {name: greeting, required: 您好很高兴为您服务, within_first_sec: 10}
      - {name: closing, required: 感谢您的来电}
""",
        source="scripts.yaml",
    )
)


def differences(speech: str, expect: str, call: str = "{queue: vip}") -> list[str]:
    text = f"""
scripts: scripts.yaml
cases:
  - {{name: case, call: {call}, speech: [{speech}], expect: {expect}}}
"""
    (case,) = load_suite(text, source="suite.yaml").cases
    result = run_case(case, CHECKER)
    assert result.passed == (not result.differences)
    return list(result.differences)


GREETING = "{role: agent, says: 您好很高兴为您服务}"


def test_what_comes_out_as_expected_has_no_differences():
    assert differences(GREETING, "{s.greeting: passed, s.closing: missed}") == []


def test_a_line_begins_after_the_one_before_or_where_it_says():
    waited = "{role: agent, says: " + "喂" * 60 + "}, " + GREETING  # 12 s
    assert differences(waited, "{s.greeting: missed}") == []
    late = "{role: customer, says: 喂}, {role: agent, says: 您好很高兴为您服务, at: 11}"
    assert differences(late, "{s.greeting: missed}") == []


def test_a_difference_tells_what_was_heard_and_why():
    assert differences(GREETING, "{s.greeting: missed, s.closing: passed}") == [
        "expected s.greeting missed, got passed: '您好很高兴为您服务', score 100",
        "expected s.closing passed, got missed (not_said)",
    ]


def test_an_item_of_a_script_that_is_not_for_the_call_is_told():
    assert differences(GREETING, "{s.greeting: passed}", call="{queue: cards}") == [
        "expected s.greeting passed, got no such item in the scripts that are for the call"
    ]


def test_mixed_channels_and_doubtful_lines_can_be_tried():
    mixed = "{role: mixed, says: 喂}"
    assert differences(mixed, "{s.greeting: unsure}", "{queue: vip, roles: [mixed]}") == []
    assert differences("{role: agent, says: 喂, confidence: 0.2}", "{s.greeting: unsure}") == []


@pytest.mark.parametrize(
    ("suite", "problem"),
    [
        ("scripts: scripts.yaml\ncases: []", "`cases` lists too few"),
        ("scripts: ../scripts.yaml\ncases: [{name: a, expect: {s.a: passed}}]", "`scripts`"),
        ("scripts: s.yaml\ncases: [{name: a, expect: {s.a: pased}}]", "'passed'"),
        ("scripts: s.yaml\ncases: [{name: a, expekt: {}}]", "did you mean `expect`?"),
    ],
)
def test_a_bad_suite_is_refused(suite, problem):
    with pytest.raises(SuiteError, match=problem.replace("?", r"\?")):
        load_suite(suite, source="suite.yaml")
