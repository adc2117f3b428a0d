"""Suites of rules: a case's call is what the rules see; missing and extra alerts are reported."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.rule_set import RuleSet, load_rules
from callqa_assets.domain.rules.suite import (
    CaseResult,
    EmotionInterval,
    SuiteError,
    load_suite,
    run_case,
)
from resources.storage.home import REPO

RULES = load_rules(
    """
rules:
  - {name: anger, emotion: angry, threshold: 0.6, duration_sec: 2, when: {line: vip}}
  - {name: sadness, emotion: sad, threshold: 0.6, duration_sec: 1}
""",
    source="rules.yaml",
)


def suite_of(case: str) -> str:
    return "rules: rules.yaml\ncases:\n  - name: case\n" + textwrap.indent(
        textwrap.dedent(case), "    "
    )


def run(case: str, rules: RuleSet = RULES) -> CaseResult:
    (only,) = load_suite(suite_of(case), source="suite.yaml").cases
    return run_case(only, rules)


ANGRY = """
    call: {line: vip}
    speech:
      - {role: customer, start: 3.5, feels: [{sec: 1, neutral: 1}, {sec: 2, angry: 0.6}]}
"""


def test_an_emotion_interval_is_as_long_as_written_to_the_quarter_second():
    assert run(ANGRY + "    expect: [{rule: anger, role: customer, between: [4.5, 6.5]}]").passed
    shorter = ANGRY.replace("{sec: 2, angry", "{sec: 1.75, angry")
    assert run(shorter + "    expect: []").passed


@pytest.mark.parametrize(
    "expected",
    [
        "{rule: anger, between: [4.75, 6.5]}",
        "{rule: anger, between: [4.5, 6.25]}",
        "{rule: anger, role: agent, between: [4.5, 6.5]}",
        "{rule: sadness, between: [4.5, 6.5]}",
        "{rule: anger, between: [4.5, 6.5], inhibited: true}",
    ],
)
def test_an_alert_elsewhere_is_not_the_expected_one(expected):
    result = run(ANGRY + f"    expect: [{expected}]")
    assert [len(result.missing), len(result.unexpected)] == [1, 1]
    missing, got = result.describe()
    assert missing.startswith("expected: ")
    assert got == "got: anger on customer from 4.5 to 6.5 s"


def test_one_alert_does_not_meet_two_expectations():
    twice = "{rule: anger, between: [4, 7]}"
    result = run(ANGRY + f"    expect: [{twice}, {twice}]")
    assert [str(missing) for missing in result.missing] == ["anger between 4 and 7 s"]


def test_an_alert_that_nobody_expects_fails_the_case():
    assert run(ANGRY + "    expect: []").describe() == ["got: anger on customer from 4.5 to 6.5 s"]


def test_the_calls_facts_reach_the_rules():
    other_line = ANGRY.replace("line: vip", "line: retail")
    assert run(other_line + "    expect: []").passed


def test_phrases_are_found_on_their_channel_at_their_time():
    rules = load_rules(
        """
rules:
  - {name: refund, role: customer, text: {any: 退费, first_sec: 20}}
""",
        source="rules.yaml",
    )
    case = """
        call: {duration_sec: 60}
        speech:
          - {role: agent, start: 1, end: 4, says: 您要退费吗}
          - {role: customer, start: 5, end: 8, says: 我要退费}
          - {role: customer, start: 30, end: 33, says: 我要退费}
        expect: [{rule: refund, role: customer, between: [5, 8]}]
        """
    assert run(case, rules).passed


def test_what_is_left_of_one_is_neutral():
    posteriors = dict(zip(EMOTIONS, EmotionInterval(sec=1, angry=0.7).posteriors(), strict=True))
    assert posteriors["angry"] == 0.7
    assert posteriors["neutral"] == pytest.approx(0.3)
    assert sum(posteriors.values()) == pytest.approx(1)


def test_beside_a_named_neutral_the_emotions_not_named_share_what_is_left():
    posteriors = np.array(EmotionInterval(sec=1, neutral=0.3).posteriors())
    assert posteriors.sum() == pytest.approx(1)
    assert posteriors[EMOTIONS.index("happy")] == pytest.approx(0.7 / 8)


@pytest.mark.parametrize(
    ("keys", "at_the_limit", "beyond"),
    [
        ("call: {{hour: {}}}", ("0", "23"), ("-1", "24")),
        ("call: {{duration_sec: {}}}", ("0.1", "3600"), ("0", "3601")),
        ("speech: [{{role: agent, start: {}, end: 36000}}]", ("0", "35999"), ("-1", "36001")),
        ("speech: [{{role: agent, start: 1, end: {}}}]", ("1.1", "36000"), ("1", "36001")),
        (
            "speech: [{{role: agent, start: 0, feels: [{{sec: 1, angry: {}}}]}}]",
            ("0", "1"),
            ("-0.1", "1.1"),
        ),
    ],
)
def test_values_may_reach_their_limits_and_go_no_further(keys, at_the_limit, beyond):
    rest = "\nspeech: []\nexpect: []" if keys.startswith("call") else "\nexpect: []"
    for value in at_the_limit:
        assert load_suite(suite_of(keys.format(value) + rest), source="suite.yaml")
    for value in beyond:
        with pytest.raises(SuiteError):
            load_suite(suite_of(keys.format(value) + rest), source="suite.yaml")


SLIPS = {
    "an unknown key": (
        "speech: []\nexpects: []",
        "suite.yaml, line 5, case 'case': unknown key `expects`; did you mean `expect`?",
    ),
    "no expectation": ("speech: []", "line 3, case 'case': `expect` is missing; add it"),
    "an unknown emotion": (
        "speech: [{role: agent, start: 0, feels: [{sec: 1, anger: 1}]}]\nexpect: []",
        "speech.0.feels.0.anger",
    ),
    "a length between multiples of the hop": (
        "speech: [{role: agent, start: 0, feels: [{sec: 0.3, angry: 1}]}]\nexpect: []",
        "no multiple of 0.25 s",
    ),
    "more than everything": (
        "speech: [{role: agent, start: 0, feels: [{sec: 1, angry: 1, sad: 0.1}]}]\nexpect: []",
        "add up to more than 1",
    ),
    "speech without an end": (
        "speech: [{role: agent, start: 0, says: 您好}]\nexpect: []",
        "either `feels` or `end`",
    ),
    "an end before the start": (
        "speech: [{role: agent, start: 3, end: 2}]\nexpect: []",
        "`end` must be after `start`",
    ),
    "somebody who is not there": (
        "speech: [{role: mixed, start: 0, end: 2}]\nexpect: []",
        "no channel has the role mixed",
    ),
    "somebody who speaks twice at once": (
        "speech: [{role: agent, start: 0, end: 2}, {role: agent, start: 1, end: 3}]\nexpect: []",
        "agent at 1 s overlaps",
    ),
    "an alias": ("speech: &a []\nexpect: *a", "aliases"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_mistake_in_a_suite_is_reported_with_file_and_place(slip):
    case, expected = SLIPS[slip]
    with pytest.raises(SuiteError) as caught:
        load_suite(suite_of(case), source="suite.yaml")
    assert str(caught.value).startswith("suite.yaml")
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", ["../secret.yaml", "/etc/passwd", "a/b.yaml", "..", ".hidden"])
def test_the_rules_of_a_suite_lie_in_the_configuration_folder(name):
    with pytest.raises(SuiteError, match="`rules`"):
        load_suite(
            f"rules: {name}\ncases: [{{name: a, speech: [], expect: []}}]", source="suite.yaml"
        )


SHIPPED = {
    f"{file.stem}: {case.name}": (suite.rules, case)
    for file in sorted((REPO / "configs" / "rule_tests").glob("*.yaml"))
    for suite in [load_suite(file.read_text("utf-8"), source=file.name)]
    for case in suite.cases
}


@pytest.mark.parametrize("case", SHIPPED)
def test_shipped_rules_do_what_their_suite_says(case):
    name, example = SHIPPED[case]
    rules = load_rules((REPO / "configs" / name).read_text("utf-8"), source=name)
    assert run_case(example, rules).describe() == []


@pytest.mark.parametrize("name", ["alert_rules.yaml", "alert_rules_compact.yaml"])
def test_every_shipped_rule_fires_in_a_case(name):
    rules = load_rules((REPO / "configs" / name).read_text("utf-8"), source=name)
    expected = {
        e.rule for rules_name, c in SHIPPED.values() if rules_name == name for e in c.expect
    }
    assert expected == {rule.name for rule in rules.rules}
