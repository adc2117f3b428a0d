"""Lint of rules: each mistake is reported once, with line and cure; sound rules are not."""

from __future__ import annotations

import textwrap
import time

import pytest

from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.rules.lint import Finding, Surroundings, lint_rules
from callqa_assets.domain.rules.rule_set import RulesError

AROUND = Surroundings(
    emotions=[e for e in EMOTIONS if e != "disgusted"], channels=["webhook", "dingtalk"]
)


def lint(rules: str) -> list[Finding]:
    """Findings on the rules that stand under `rules:`."""
    text = "rules:\n" + textwrap.indent(textwrap.dedent(rules), "  ")
    return lint_rules(text, source="rules.yaml", around=AROUND)


SOUND = """
- name: anger
  emotion: angry
  threshold: 0.6
  duration_sec: 2
  channels: [webhook]
- name: low_mood
  combination: [sad, neutral]
  min_sum: 0.8
  floors: {sad: 0.3}
- name: unclear
  emotion: other
  threshold: 0.4
  review: true
- name: refund_in_anger
  all:
    - emotion: angry
      threshold: 0.5
    - text: {any: [退费, 退款]}
  not:
    - text: {any: [谢谢]}
  within_sec: 10
- name: no_greeting
  role: agent
  text: {none: [您好], first_sec: 20}
- name: dead_air
  acoustic: silence
  duration_sec: 20
"""


def test_sound_rules_have_no_findings():
    assert lint(SOUND) == []


SLIPS = {
    "a list with full-width commas": (
        "{text: {any: [退费，退款，“退钱”]}}",
        "error",
        "takes '退费，退款，“退钱”' for one phrase",
        "write [退费, 退款, 退钱], with `,`",
    ),
    "a list with enumeration commas": (
        "{text: {any: [退费、退款, 投诉]}}",
        "error",
        "takes '退费、退款' for one phrase",
        "write [退费, 退款]",
    ),
    "a list with full-width semicolons": (
        "{text: {any: 退费；退款}}",
        "error",
        "takes '退费；退款' for one phrase",
        "write [退费, 退款]",
    ),
    "a list in full-width brackets": (
        "{text: {any: ［退费，退款］}}",
        "error",
        "takes '［退费，退款］' for one phrase",
        "write [退费, 退款]",
    ),
    "a list in quotes": (
        "{text: {any: '退费,退款,退钱'}}",
        "error",
        "takes '退费,退款,退钱' for one phrase",
        "write [退费, 退款, 退钱]",
    ),
    "a phrase with a comma": (
        "{text: {any: 您好，再见}}",
        "warning",
        "takes '您好，再见' for one phrase",
        "or leave the comma out",
    ),
    "names with a full-width comma": (
        "{text: {any: 退费}, when: {queue: [售前，售后]}}",
        "warning",
        "takes '售前，售后' for the name of one queue",
        "write [售前, 售后]",
    ),
    "neutral without a floor": (
        "{combination: [sad, neutral], min_sum: 0.8}",
        "warning",
        "ordinary neutral speech alone (sad + neutral)",
        "`floors: {sad: 0.3}`",
    ),
    "a floor on neutral alone is no floor": (
        "{combination: [sad, neutral], min_sum: 0.8, floors: {neutral: 0.3}}",
        "warning",
        "ordinary neutral speech alone",
        "`floors: {sad: 0.3}`",
    ),
    "neutral without a floor, in a block": (
        "{combination: {emotions: [sad, neutral], min_sum: 0.8}}",
        "warning",
        "ordinary neutral speech alone (sad + neutral)",
        "a floor, beside `min_sum`, such as `floors: {sad: 0.3}`",
    ),
    "neutral in a composition": (
        "{all: [{combination: [fearful, neutral], min_sum: 0.7}, {text: {any: 退费}}]}",
        "warning",
        "ordinary neutral speech alone",
        "`floors: {fearful: 0.3}`",
    ),
    "a rule on neutral": (
        "{any: [{emotion: neutral, threshold: 0.5}, {text: {any: 退费}}]}",
        "warning",
        "fires on ordinary neutral speech",
        "something else",
    ),
    "an emotion that the model does not know": (
        "{emotion: disgusted, threshold: 0.5}",
        "error",
        "never fires: the profile's model does not know disgusted",
        "choose from angry, ",
    ),
    "a floor on an emotion that the model does not know": (
        "{combination: [angry, disgusted], min_sum: 0.5, floors: {disgusted: 0.1}}",
        "error",
        "never fires: the profile's model does not know disgusted",
        "choose from",
    ),
    "a member that the model does not know": (
        "{combination: [angry, disgusted], min_sum: 0.5}",
        "warning",
        "adds up disgusted",
        "leave it out",
    ),
    "floors beyond one": (
        "{combination: [angry, sad], min_sum: 0.5, floors: {angry: 0.6, sad: 0.5}}",
        "error",
        "never fires: its floors add up to 1.1",
        "lower the floors",
    ),
    "a level of one": ("{emotion: angry, threshold: 1}", "warning", "a level of 1", "lower it"),
    "one of what is asked for is excluded": (
        "{all: [{text: {any: 退费}}, {emotion: angry, threshold: 0.8}], "
        "not: [{emotion: angry, threshold: 0.7}]}",
        "error",
        "never fires: what it asks for satisfies what it excludes",
        "correct one",
    ),
    "what is asked for is excluded": (
        "{all: [{emotion: angry, threshold: 0.7}], not: [{emotion: angry, threshold: 0.6}]}",
        "error",
        "never fires: what it asks for satisfies what it excludes",
        "correct one",
    ),
    "the only choice is excluded": (
        "{any: [{text: {any: 退费}}], not: [{text: {any: 退费}}]}",
        "error",
        "never fires: what it asks for satisfies what it excludes",
        "correct one",
    ),
    "every choice is excluded": (
        "{any: [{text: {any: 退费}}, {emotion: angry, threshold: 0.8}], "
        "not: [{text: {any: 退费}}, {emotion: angry, threshold: 0.7}]}",
        "error",
        "never fires: what it asks for satisfies what it excludes",
        "correct one",
    ),
    "a distance to nothing": (
        "{any: [{text: {any: 退费}}, {emotion: angry, threshold: 0.8}], within_sec: 5}",
        "warning",
        "sets `within_sec` where nothing must be near",
        "use `all`",
    ),
    "a member twice": (
        "{any: [{text: {any: 退费}}, {text: {any: 退费}}]}",
        "warning",
        "same condition twice under `any`",
        "delete one",
    ),
    "a phrase in a phrase": (
        "{text: {any: [我要退费, 退费]}}",
        "warning",
        "phrase '我要退费' beside '退费'",
        "delete it",
    ),
    "a phrase that another one brings along": (
        "{text: {all: [我要退费, 退费]}}",
        "warning",
        "phrase '退费' beside '我要退费'",
        "delete it",
    ),
    "a phrase twice, but for its spelling": (
        "{text: {none: ['Thank you', 'thank-you!']}}",
        "warning",
        "phrase 'thank-you!' beside 'Thank you'",
        "delete it",
    ),
    "a channel that is not configured": (
        "{emotion: angry, threshold: 0.5, channels: [webhook, dingding]}",
        "error",
        "'dingding', which is no configured channel",
        "choose from dingtalk, webhook",
    ),
    "unclear emotions that page": (
        "{emotion: other, threshold: 0.5, review: true, channels: [webhook]}",
        "warning",
        "notifies people of other",
        "`review: true` and leave `channels` out",
    ),
    "unclear emotions that nobody reviews": (
        "{combination: [other, unknown], min_sum: 0.5}",
        "warning",
        "notifies people of other and unknown",
        "`review: true`",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_mistake_is_reported_once_with_its_line_and_a_cure(slip):
    body, severity, problem, cure = SLIPS[slip]
    (finding,) = lint(
        f"""
        - name: greeting
          role: agent
          text: {{none: [您好], first_sec: 20}}
        - {{name: slip, {body[1:]}
        """
    )
    assert (finding.source, finding.line) == ("rules.yaml", 6)
    assert (finding.rule, finding.severity) == ("slip", severity)
    assert problem in finding.problem
    assert cure in finding.cure
    assert str(finding).startswith(f"rules.yaml:6: {severity}: rule 'slip' ")


def test_one_definition_under_two_names_is_an_error_of_the_second():
    (finding,) = lint(
        """
        - {name: one, emotion: angry, threshold: 0.6, when: {line: vip}}
        - {name: two, emotion: angry, threshold: 0.6, when: {line: vip}}
        """
    )
    assert (finding.rule, finding.severity) == ("two", "error")
    assert "is 'one' under another name" in finding.problem


WIDE = "{name: wide, emotion: angry, threshold: 0.5, duration_sec: 1, channels: [webhook]}"
SHADOWED = {
    "a higher level": "emotion: angry, threshold: 0.6, duration_sec: 1",
    "a longer hold": "emotion: angry, threshold: 0.5, duration_sec: 2",
    "the same on fewer calls": "emotion: angry, threshold: 0.5, duration_sec: 1, when: {line: vip}",
    "the same on fewer channels": "emotion: angry, threshold: 0.5, duration_sec: 1, role: customer",
    "a combination with a floor above": (
        "combination: [angry, sad], min_sum: 0.7, floors: {angry: 0.5}, duration_sec: 1"
    ),
}


@pytest.mark.parametrize("narrow", SHADOWED.values(), ids=SHADOWED)
def test_a_rule_within_another_one_with_the_same_receivers_is_reported(narrow):
    (finding,) = lint(f"- {{name: narrow, {narrow}, channels: [webhook]}}\n- {WIDE}")
    assert (finding.rule, finding.severity) == ("narrow", "warning")
    assert "'wide' does not already notify" in finding.problem


DISTINCT = {
    "a lower level": "emotion: angry, threshold: 0.4, duration_sec: 2, channels: [webhook]",
    "a shorter hold": "emotion: angry, threshold: 0.6, duration_sec: 0.5, channels: [webhook]",
    "longer silences": (
        "emotion: angry, threshold: 0.6, duration_sec: 1, max_gap_sec: 3, channels: [webhook]"
    ),
    "another emotion": "emotion: sad, threshold: 0.6, duration_sec: 1, channels: [webhook]",
    "other people": "emotion: angry, threshold: 0.6, duration_sec: 1, channels: [dingtalk]",
    "a higher priority": (
        "emotion: angry, threshold: 0.6, duration_sec: 1, channels: [webhook], priority: high"
    ),
    "a review": (
        "emotion: angry, threshold: 0.6, duration_sec: 1, channels: [webhook], review: true"
    ),
    "a trial": (
        "emotion: angry, threshold: 0.6, duration_sec: 1, channels: [webhook], enabled: shadow"
    ),
    "taking its place": (
        "emotion: angry, threshold: 0.6, duration_sec: 1, channels: [webhook], inhibits: [wide]"
    ),
    "a sum that the other emotion may carry": (
        "combination: [angry, sad], min_sum: 0.9, duration_sec: 1, channels: [webhook]"
    ),
}


@pytest.mark.parametrize("rule", DISTINCT.values(), ids=DISTINCT)
def test_a_rule_with_something_of_its_own_is_left_alone(rule):
    assert lint(f"- {{name: narrow, {rule}}}\n- {WIDE}") == []


def test_a_wider_sum_without_floors_covers_one_emotion():
    (finding,) = lint(
        """
        - {name: narrow, emotion: angry, threshold: 0.6}
        - {name: wide, combination: [angry, fearful], min_sum: 0.6}
        """
    )
    assert finding.rule == "narrow"


@pytest.mark.parametrize(("floor", "shadowed"), [("0.29", False), ("0.3", True), ("0.4", True)])
def test_a_floor_as_high_as_the_wider_rules_keeps_within_it(floor, shadowed):
    findings = lint(
        f"""
        - {{name: narrow, combination: [sad, angry], min_sum: 0.9, floors: {{sad: {floor}}}}}
        - {{name: wide, combination: [sad, angry], min_sum: 0.8, floors: {{sad: 0.3}}}}
        """
    )
    assert [finding.rule for finding in findings] == ["narrow"] * shadowed


def test_a_rule_on_other_calls_is_not_shadowed():
    assert (
        lint(
            """
            - {name: narrow, emotion: angry, threshold: 0.6}
            - {name: vip, emotion: angry, threshold: 0.5, when: {line: vip}}
            """
        )
        == []
    )


INHIBITED = "{name: std, emotion: sad, threshold: 0.5, channels: [webhook]"
IDLE_INHIBITIONS = {
    "of calls that never meet": (
        "when: {line: VIP}",
        INHIBITED + ", when: {line: [std, gold]}}",
        "inhibits 'std', but no call concerns both",
    ),
    "of a rule that notifies nobody": (
        "when: {line: VIP}",
        "{name: std, emotion: sad, threshold: 0.5}",
        "inhibits 'std', which notifies nobody anyway",
    ),
    "by a rule on trial": (
        "enabled: shadow",
        INHIBITED + "}",
        "inhibits others, but only alerts that are delivered do",
    ),
}


@pytest.mark.parametrize("idle", IDLE_INHIBITIONS)
def test_an_inhibition_without_effect_is_reported(idle):
    strong, weak, problem = IDLE_INHIBITIONS[idle]
    (finding,) = lint(
        f"""
        - {{name: vip, emotion: angry, threshold: 0.5, inhibits: std, {strong}}}
        - {weak}
        """
    )
    assert (finding.rule, finding.severity) == ("vip", "warning")
    assert problem in finding.problem


def test_an_inhibition_of_calls_that_may_meet_is_left_alone():
    weak = INHIBITED + ", when: {line: vip, agent: '7'}}"
    strong = "{name: vip, emotion: angry, threshold: 0.5, inhibits: std, when: {line: VIP}}"
    assert lint(f"- {strong}\n- {weak}") == []


def test_a_disabled_rule_shadows_nothing_but_its_mistakes_are_reported():
    assert (
        lint(
            """
        - {name: narrow, emotion: angry, threshold: 0.6}
        - {name: wide, emotion: angry, threshold: 0.5, enabled: false}
        """
        )
        == []
    )
    (finding,) = lint(
        "- {name: disabled, emotion: angry, threshold: 0.6, enabled: false, channels: [x]}"
    )
    assert finding.severity == "error"


def test_an_invalid_file_is_refused_with_its_own_problems():
    with pytest.raises(RulesError, match="line 2, rule 'a': unknown key `treshold`"):
        lint("- {name: a, emotion: angry, treshold: 0.5}")


def test_the_largest_file_is_linted_within_seconds():
    rules = "\n".join(
        f"- {{name: r{n}, emotion: angry, threshold: {0.5 + n / 4000}, when: {{agent: 'a{n}'}}}}"
        for n in range(1_000)
    )
    begin = time.process_time()  # a busy machine, or coverage, may take a few times as long
    assert lint(rules) == []
    assert time.process_time() - begin < 30
