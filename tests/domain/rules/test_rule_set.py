"""Rules files: what is accepted, what is refused, and that the refusal says where and why."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from callqa_assets.domain.calls.facts import CallFacts
from callqa_assets.domain.rules.call_input import CallContext
from callqa_assets.domain.rules.conditions.composed import KINDS, AllCondition
from callqa_assets.domain.rules.conditions.emotion import (
    CombinationCondition,
    CombinationInBlock,
    EmotionCondition,
)
from callqa_assets.domain.rules.conditions.text import Regex, Text, TextCondition
from callqa_assets.domain.rules.rule_set import (
    MAX_REGEXES,
    Rule,
    RulesError,
    RuleSet,
    When,
    load_rules,
)

REPO = Path(__file__).resolve().parents[3]
CONFIGS = REPO / "configs"

SOURCE_DOCUMENT = """
rules:
  - name: customer_anger
    emotion: angry
    threshold: 0.75
    duration_sec: 2
    priority: high
    channels: [dingtalk]
  - name: vip_fear
    when: {line: vip}
    emotion: fearful
    threshold: 0.6
    duration_sec: 1
    priority: high
    channels: [webhook, email]
  - name: low_mood
    combination: [sad, neutral]
    min_sum: 0.8
    floors: {sad: 0.3}
    duration_sec: 3
    priority: medium
"""


def load(text: str) -> RuleSet:
    return load_rules(text, source="rules.yaml")


def load_one(keys: str) -> RuleSet:
    """A set of one valid anger rule, in flow style, with further keys."""
    return load(f"rules: [{{name: a, emotion: angry, threshold: 0.5, {keys}}}]")


def load_rule(keys: str) -> Rule:
    (rule,) = load(f"rules: [{{name: a, {keys}}}]").rules
    return rule


def refusal(text: str) -> str:
    with pytest.raises(RulesError) as caught:
        load(text)
    return str(caught.value)


def test_the_source_documents_rules_are_valid_unchanged():
    anger, fear, mood = load(SOURCE_DOCUMENT).rules
    assert isinstance(anger.condition, EmotionCondition)
    assert anger.condition.emotions == ("angry",)
    assert (anger.condition.level_on, anger.condition.duration_sec) == (0.75, 2)
    assert anger.channels == ("dingtalk",)
    assert fear.when is not None
    assert fear.when.line == ("vip",)
    assert isinstance(mood.condition, CombinationCondition)
    assert (mood.condition.emotions, mood.condition.level_on) == (("sad", "neutral"), 0.8)
    assert mood.condition.floors == {"sad": 0.3}


@pytest.mark.parametrize("name", ["alert_rules.yaml", "alert_rules_compact.yaml"])
def test_shipped_rules_load(name: str):
    rules = load_rules((CONFIGS / name).read_text(encoding="utf-8"), source=name).rules
    assert "customer_anger" in {rule.name for rule in rules}


def test_the_reference_names_every_key_and_its_examples_load():
    reference = (REPO / "docs" / "rules.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", reference, flags=re.DOTALL)
    for example in examples:
        load(example)
    assert len(load(examples[0]).rules) == 3
    said = [rule.condition for example in examples for rule in load(example).rules]
    # A combination in a block becomes one with its keys side by side.
    assert {type(condition) for condition in said} == set(KINDS.values()) - {CombinationInBlock}
    for model in (Rule, When, Text, Regex, *KINDS.values()):
        for name, field in model.model_fields.items():
            key = field.alias or name
            assert key == "condition" or f"`{key}`" in reference, key


def test_keys_left_out_have_the_documented_defaults():
    (rule,) = load("rules: [{name: a, emotion: angry, threshold: 0.5}]").rules
    condition = rule.condition
    assert isinstance(condition, EmotionCondition)
    assert (condition.duration_sec, condition.keep_firing_sec) == (0, 0)
    assert condition.max_gap_sec == 1
    assert condition.level_off == condition.level_on == 0.5
    assert rule.role == ("agent", "customer", "mixed")
    assert (rule.priority, rule.channels, rule.when) == ("medium", (), None)
    assert (rule.review, rule.enabled) == (False, True)
    assert (rule.inhibits, rule.inhibits_within_sec) == ((), 0)


def test_one_value_may_stand_for_a_list_of_one():
    assert load_one("role: customer, channels: email, when: {queue: loans}") == load_one(
        "role: [customer], channels: [email], when: {queue: [loans]}"
    )


def test_rule_hash_ignores_comments_layout_and_order():
    text = """# a comment
rules:
- {name: low_mood, priority: medium, duration_sec: 3.0, min_sum: 0.80,
   combination: [sad, neutral], floors: {sad: 0.3}}   # another
- {name: vip_fear, when: {line: [vip]}, emotion: fearful, threshold: 0.6, duration_sec: 1,
   priority: high, channels: [webhook, email]}
- {name: customer_anger, emotion: angry, threshold: 0.75, duration_sec: 2, priority: high,
   channels: [dingtalk], max_gap_sec: 1}
"""
    assert load(text).rule_hash == load(SOURCE_DOCUMENT).rule_hash


IN_A_BLOCK = SOURCE_DOCUMENT.replace(
    """    combination: [sad, neutral]
    min_sum: 0.8
    floors: {sad: 0.3}
""",
    "    combination: {emotions: [sad, neutral], min_sum: 0.8, floors: {sad: 0.3}}\n",
)


def test_a_combination_in_a_block_is_the_same_rule_as_with_its_keys_side_by_side():
    assert "{emotions:" in IN_A_BLOCK
    assert load(IN_A_BLOCK) == load(SOURCE_DOCUMENT)
    assert load(IN_A_BLOCK).rule_hash == load(SOURCE_DOCUMENT).rule_hash
    assert [rule.definition_hash for rule in load(IN_A_BLOCK).rules] == [
        rule.definition_hash for rule in load(SOURCE_DOCUMENT).rules
    ]
    keys = "role: customer, threshold_off: 0.6, duration_sec: 2, keep_firing_sec: 1, max_gap_sec: 3"
    block = f"{{combination: {{emotions: [sad, neutral], min_sum: 0.8}}, {keys}}}"
    flat = f"{{combination: [sad, neutral], min_sum: 0.8, {keys}}}"
    assert load(f"rules: [{{name: a, all: [{block}]}}]") == load(
        f"rules: [{{name: a, all: [{flat}]}}]"
    )


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("{emotions: [sad, neutral]}", "`combination.min_sum` is missing; add it"),
        ("{emotion: [sad, neutral], min_sum: 1}", "`combination.emotion`; did you mean `emotions`"),
        ("{emotions: [sad], min_sum: 0.8}", "`combination.emotions` lists too few; name at least"),
        ("{emotions: [sad, sad], min_sum: 0.8}", "`combination.emotions`: names an emotion twice"),
        ("{emotions: [sad, angy], min_sum: 0.8}", "`combination.emotions.1`: 'angy' is no emotion"),
        (
            "{emotions: [sad, happy], min_sum: 0.8, floors: {angry: 0.3}}",
            "`combination`: `floors` names 'angry', which is not in `combination`; delete one",
        ),
        ("{emotions: [sad, happy], min_sum: 0.8}, min_sum: 0.8", "unknown key `min_sum`; choose"),
        (
            "{emotions: [sad, happy], min_sum: 0.5}, threshold_off: 0.8",
            "`threshold_off` 0.8 is above the level at which the rule fires, 0.5; lower it",
        ),
        ("{}", "`combination.emotions` is missing; add it"),
        ("3", "`combination`: must be a list"),
    ],
)
def test_a_mistake_in_a_combination_s_block_is_refused_with_its_place_and_cure(
    keys: str, complaint: str
):
    message = refusal(f"rules: [{{name: a, combination: {keys}}}]")
    assert complaint in message
    assert all(line.startswith("rules.yaml, line 1, rule 'a': ") for line in message.splitlines())


def test_a_changed_rule_changes_the_hash_of_the_set_and_its_own_only():
    before = load(SOURCE_DOCUMENT)
    after = load(SOURCE_DOCUMENT.replace("0.75", "0.7"))
    assert after.rule_hash != before.rule_hash
    changed = [
        old.name
        for old, new in zip(before.rules, after.rules, strict=True)
        if old.definition_hash != new.definition_hash
    ]
    assert changed == ["customer_anger"]


@pytest.mark.parametrize(
    ("wrong", "right", "complaint"),
    [
        (
            "treshold: 0.75",
            "threshold: 0.75",
            "line 5, rule 'customer_anger': unknown key `treshold`; did",
        ),
        ("emotoin: angry", "emotion: angry", "did you mean `emotion` by `emotoin`?"),
        ("inhibit: [low_mood]", "threshold: 0.75", "did you mean `inhibits`?"),
        ("treshold: 0.75", "threshold: 0.75", "did you mean `threshold`?"),
        ("treshold: 0.75", "threshold: 0.75", "`threshold` is missing; add it"),
        ("emotion: anger", "emotion: angry", "'anger' is no emotion; did you mean `angry`?"),
        ("threshold: 75", "threshold: 0.75", "must be less than or equal to 1 (here: 75)"),
        ("threshold: .nan", "threshold: 0.75", "`threshold`: must be"),
        ("threshold: yes", "threshold: 0.75", "`threshold`: must be a valid number (here: True)"),
        ("duration_sec: -2", "duration_sec: 2", "`duration_sec`: must be greater than or equal"),
        ("name: vip_fear", "name: customer_anger", "the rule in line 3 has the same name"),
        ("name: ../../etc/passwd", "name: customer_anger", "`name` must be a name of letters"),
        (
            "when: {lien: vip}",
            "when: {line: vip}",
            "line 10, rule 'vip_fear': unknown key `when.lien`; did you mean `line`",
        ),
        ("when: vip", "when: {line: vip}", "`when` is no block of keys; write it as `{line: vip}`"),
        ("when: {}", "when: {line: vip}", "`when`: names nothing"),
        ("when: {queue: 95588}", "when: {line: vip}", "is not text; put it in quotes"),
        ("priority: urgent", "priority: medium", "must be 'high', 'medium' or 'low'"),
        ("combination: [sad]", "combination: [sad, neutral]", "lists too few; name at least 2"),
        ("combination: [sad, sad]", "combination: [sad, neutral]", "names an emotion twice"),
        ("floors: {angry: 0.3}", "floors: {sad: 0.3}", "'angry', which is not in `combination`"),
        ("emotion: sad\n    min_sum: 0.8", "min_sum: 0.8", "and has `emotion` and `combination`"),
        ("min_sum: 0.8", "combination: [sad, neutral]\n    min_sum: 0.8", "and has none"),
        ("when: {hour: 9-25}", "when: {line: vip}", "no range of hours such as 9-12 or 22-6"),
        ("when: {hour: 0-24}", "when: {line: vip}", "no range of hours such as 9-12 or 22-6"),
        ("when: {hour: 9}", "when: {line: vip}", "no range of hours such as 9-12 or 22-6"),
        ("inhibits: [low_mod]", "floors: {sad: 0.3}", "is no rule; did you mean `low_mood`?"),
        ("inhibits: [low_mood]", "floors: {sad: 0.3}", "which inhibits 'low_mood' in turn"),
        ("role: boss", "floors: {sad: 0.3}", "must be 'agent', 'customer' or 'mixed'"),
        ("enabled: perhaps", "floors: {sad: 0.3}", "must be true, false or shadow"),
        ("threshold_off: 0.9", "floors: {sad: 0.3}", "lower it or leave it out"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_cure(wrong: str, right: str, complaint: str):
    assert SOURCE_DOCUMENT.count(right) == 1
    message = refusal(SOURCE_DOCUMENT.replace(right, wrong))
    assert complaint in message
    assert all(line.startswith("rules.yaml, line ") for line in message.splitlines())


@pytest.mark.parametrize(
    ("condition", "complaint"),
    [
        ("text: 退款", "`text` is no block of keys; write it as `{any: [退款]}`"),
        ("text: {}", "needs one of `any`, `all` and `none`, and has none"),
        ("text: {any: [a], none: [b]}", "needs one of `any`, `all` and `none`, and has any and"),
        ("text: {any: []}", "`text.any` lists too few; name at least 1"),
        ("text: {any: [12315]}", "`text.any.0` is not text; put it in quotes"),
        ("text: {any: ['……']}", "has no letter or digit"),
        ("text: {any: [a], firs_sec: 3}", "unknown key `text.firs_sec`; did you mean `first_"),
        ("text: {any: [a], first_sec: 3, last_sec: 3}", "exclude each other; delete one"),
        ("text: {any: [{regexp: a}]}", "unknown key `text.any.0.regexp`; did you mean `regex`"),
        ("text: {any: [{regex: '('}]}", "not a regular expression of RE2 (missing ): ()"),
        ("text: {any: [{regex: '(?=a)b'}]}", "not a regular expression of RE2 (invalid perl"),
        ("text: {any: [{regex: 'a*'}]}", "matches empty text"),
        ("text: {any: [{regex: '\\A喂'}]}", "`\\A` can match across segments"),
        ("text: {any: [{regex: '再见\\z'}]}", "`\\z` can match across segments"),
        ("text: {any: [{regex: '退\\C款'}]}", "`\\C` can match across segments"),
        ("text: {any: [{regex: '(?i-m:^喂)'}]}", "`(?i-m` can match across segments"),
        ("text: {any: [a]}, threshold: 0.5", "unknown key `threshold`; choose from name, "),
        ("condition: 3, emotion: angry, threshold: 0.5", "unknown key `condition`"),
        ("acoustic: noise, duration_sec: 3", "'noise' is no acoustic condition; choose from"),
        ("acoustic: silence", "`duration_sec` is missing; add it"),
        ("acoustic: overlap, duration_sec: 0", "`duration_sec`: must be greater than 0"),
        ("acoustic: loudness_rise", "`rise_db` is missing; add it"),
        ("all: []", "`all` lists too few; name at least 1"),
        ("all: {emotion: angry, threshold: 0.5}", "`all`: must be a list"),
        ("all: [{emotion: angry, treshold: 0.5}]", "unknown key `all.0.treshold`; did you"),
        ("all: [{emotoin: angry, threshold: 0.5}]", "`all.0`: needs exactly one of"),
        (
            "all: [{acoustic: silence, duration_sec: 3, role: agent}]",
            "unknown key `all.0.role`; choose from acoustic",
        ),
        ("all: [{text: {any: a}, priority: high}]", "unknown key `all.0.priority`"),
        ("not: [{text: {any: [a]}}]", "needs exactly one of"),
        ("any: [{not: {text: {any: a}}}]", "`any.0`: needs exactly one of"),
    ],
)
def test_a_mistake_in_a_condition_is_refused_with_its_place_and_cure(
    condition: str, complaint: str
):
    message = refusal(f"rules: [{{name: a, {condition}}}]")
    assert complaint in message
    assert all(line.startswith("rules.yaml, line 1, rule 'a': ") for line in message.splitlines())


def test_conditions_nest_and_know_their_keys():
    (rule,) = load(
        """
rules:
- name: unanswered
  role: customer
  all:
    - {emotion: angry, threshold: 0.6, duration_sec: 2, keep_firing_sec: 1}
    - any:
        - text: {any: [退款, {regex: '投诉.{0,4}台'}], last_sec: 60}
        - {acoustic: overlap, duration_sec: 1}
  not: {text: {any: [抱歉]}, role: agent}
  within_sec: 15
"""
    ).rules
    assert isinstance(rule.condition, AllCondition)
    assert rule.condition.within_sec == 15
    (apology,) = rule.condition.not_
    assert isinstance(apology, TextCondition)
    assert apology.role == ("agent",)
    assert rule.role == ("customer",)


def test_when_knows_languages_and_hours_of_the_clock():
    def covers(when: str, hour: int | None = None, **facts: Any) -> bool:
        (rule,) = load_one(f"when: {when}").rules
        assert rule.when is not None
        return rule.when.covers(CallContext("r1", 60.0, ("mixed",), CallFacts(**facts), hour))

    assert covers("{language: zh}", language="zh")
    assert covers("{language: [en, zh]}", language="zh-CN")
    assert not covers("{language: zh-TW}", language="zh")
    assert not covers("{language: z}", language="zh")
    assert not covers("{language: zh}")
    assert [hour for hour in range(24) if covers("{hour: 22-6}", hour=hour)] == [
        *range(6),
        22,
        23,
    ]
    assert [hour for hour in range(24) if covers("{hour: [9-12, 13-14]}", hour=hour)] == [
        9,
        10,
        11,
        13,
    ]
    assert [hour for hour in range(24) if covers("{hour: 22-24}", hour=hour)] == [22, 23]
    assert not covers("{hour: 0-12}")


def test_every_problem_is_reported_at_once():
    text = SOURCE_DOCUMENT.replace("angry", "anger").replace("fearful", "fear")
    assert [line.split(":")[0] for line in refusal(text).splitlines()] == [
        "rules.yaml, line 4, rule 'customer_anger'",
        "rules.yaml, line 11, rule 'vip_fear'",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no list under `rules:`"),
        ("rules:", "no list under `rules:`"),
        ("- name: a", "no list under `rules:`"),
        ("rules: [angry]", "line 1: `rules.0` is no block of keys; write it as `{name: …}`"),
        ("version: 2\nrules: []", "line 1: unknown key `version`; choose from rules"),
        ("rules: [\n{a: b", "rules.yaml, line 2: "),
        ("rules: [{name: 2025-13-45}]", "line 1: neither a date nor a number"),
        ("rules:\n- name: a\n  name: b", "line 3: repeated key: `name`; delete one"),
        ("rules: []\nrules: []", "line 2: repeated key: `rules`; delete one"),
        ("<<: {rules: [{name: a}]}", "line 1: merged keys (<<) are not allowed"),
        ("rules:\n- &a {name: a}\n- *a", "line 3: aliases (*name) are not allowed"),
        (
            "rules: !!python/object/apply:os.system [ls]",
            "line 1: not readable as YAML: could not determine",
        ),
        ("rules: []\n---\nrules: []", "another document"),
    ],
)
def test_a_file_that_is_no_rules_file_is_refused(text: str, complaint: str):
    assert complaint in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nrules: [*c, *c]",
        "rules: " + "[" * 100_000,
        "rules:\n" + "- {name: a, emotion: angry, threshold: 0.5}\n" * 10_000,
        "rules: []\n#" + "x" * 1_000_000,
        "rules:\n- {name: a, text: {any: [{regex: '((a{1,99}){1,99}){1,99}'}]}}",
        "rules:\n- {name: a, text: {any: [{regex: '(\\pL|\\pN){150}'}]}}",
        f"rules:\n- {{name: a, text: {{any: [{{regex: '{'x' * 100_000}'}}]}}}}",
        "rules:\n"
        + "".join(
            f"- {{name: r{n}, text: {{any: [{{regex: '.{{1,99}}{n}'}}]}}}}\n" for n in range(900)
        ),
        "rules:\n- {name: ../../etc/passwd, emotion: angry, threshold: 0.5}",
        "rules:\n- {name: a, " + "all: [{" * 30 + "}]" * 30 + "}",
        f"rules:\n- {{name: a, text: {{any: {['字' * 50] * 10_000}}}}}",
    ],
    ids=[
        "bomb",
        "deep",
        "10,000 rules",
        "over 1 MB",
        "regex that repeats repeats",
        "regex too large",
        "regex too long",
        "900 regexes",
        "path in a name",
        "conditions without end",
        "10,000 phrases",
    ],
)
def test_a_hostile_file_is_refused_within_seconds(text: str):
    begin = time.process_time()
    assert refusal(text).startswith("rules.yaml")
    assert time.process_time() - begin < 10


def test_more_rules_than_the_limit_are_refused_and_the_limit_is_not():
    def many(n: int) -> str:
        rules = (f"- {{name: r{i}, emotion: angry, threshold: 0.5}}\n" for i in range(n))
        return "rules:\n" + "".join(rules)

    assert len(load(many(1_000)).rules) == 1_000
    assert "1,001 rules, at most 1,000" in refusal(many(1_001))


@pytest.mark.parametrize("last", [0, 1, 50])
def test_regexes_count_over_all_rules(last: int):
    counts = [120, 30, 50, last, 3]
    rules = [
        f"- {{name: r{n}, text: {{any: [{', '.join(f'{{regex: a{i}}}' for i in range(count))}]}}}}"
        for n, count in enumerate(counts[: 3 if last == 0 else 5])
    ]
    text = "\n".join(["rules:", *rules])
    if last == 0:
        assert len(load(text).rules) == 3
    else:
        message = refusal(text)
        assert message.startswith("rules.yaml, line 5, rule 'r3': the file has more than 200")
        assert len(message.splitlines()) == 1


@pytest.mark.parametrize("enabled", [True, False, "shadow"])
def test_a_rule_may_be_on_off_or_in_the_shadow(enabled):
    keys = f"emotion: angry, threshold: 0.5, enabled: {str(enabled).lower()}"
    assert load_rule(keys).enabled == enabled


@pytest.mark.parametrize("enabled", ["1", "0", "maybe", "null", "[]"])
def test_anything_else_is_refused(enabled):
    complaint = refusal(f"rules: [{{name: a, emotion: angry, threshold: 0.5, enabled: {enabled}}}]")
    assert "must be true, false or shadow" in complaint


def test_a_regex_that_is_refused_is_told_once_and_not_by_the_library_too(capfd):
    message = refusal("rules: [{name: a, text: {any: [{regex: '(unclosed'}]}}]")
    assert "missing )" in message
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("keys", "at_the_limit", "beyond"),
    [
        ("emotion: angry, threshold: {}", ("0.001", "1"), ("0", "1.001", "-0.1")),
        ("emotion: angry, threshold: 0.5, duration_sec: {}", ("0", "3600"), ("-0.1", "3600.1")),
        ("emotion: angry, threshold: 0.5, max_gap_sec: {}", ("0", "3600"), ("-0.1", "3600.1")),
        ("text: {{any: [a], first_sec: {}}}", ("0.1", "3600"), ("0", "3600.1")),
        ("acoustic: silence, duration_sec: {}", ("0.1", "3600"), ("0", "3600.1")),
        ("acoustic: loudness_rise, rise_db: {}", ("0.1", "60"), ("0", "60.1")),
        ("text: {{any: ['{}']}}", ("x" * 200,), ("x" * 201, "")),
        ("text: {{any: [{{regex: '{}'}}]}}", ("x" * 200,), ("x" * 201, "")),
        ("text: {{any: [{}]}}", (", ".join(f"a{n}" for n in range(200)),), ("", "a, " * 201)),
        ("all: [{}]", ("{text: {any: [a]}}, " * 20,), ("", "{text: {any: [a]}}, " * 21)),
        (
            "emotion: angry, threshold: 0.5, when: {{hour: {}}}",
            ("1-24", "23-1"),
            ("0-24", "1-25", "3-3"),
        ),
        ("combination: [{}], min_sum: 0.5", ("sad, angry",), ("sad", "")),
    ],
)
def test_values_may_reach_their_limits_and_go_no_further(keys, at_the_limit, beyond):
    for value in at_the_limit:
        assert load_rule(keys.format(value))
    for value in beyond:
        with pytest.raises(RulesError):
            load_rule(keys.format(value))


@pytest.mark.parametrize(
    ("hours", "covered"),
    [
        ("9-18", range(9, 18)),
        ("22-6", [*range(22, 24), *range(6)]),
        ("1-24", range(1, 24)),
        ("[0-1, 23-24]", [0, 23]),
    ],
)
def test_hours_reach_from_the_first_to_before_the_last_over_midnight_too(hours, covered):
    when = load_rule(f"emotion: angry, threshold: 0.5, when: {{hour: {hours}}}").when
    calls = {hour: CallContext("r", 60.0, ("agent",), hour=hour) for hour in [None, *range(24)]}
    assert [hour for hour, call in calls.items() if when.covers(call)] == sorted(covered)


def test_a_file_may_hold_forty_keys_and_values_for_each_rule():
    assert "more than 40,000 keys and values" in refusal("rules: [" + "1," * 40_000 + "]")


def test_as_many_regexes_as_the_limit_are_taken():
    def many(n: int) -> str:
        patterns = ", ".join(f"{{regex: 'a{i}'}}" for i in range(n))
        return f"rules: [{{name: a, text: {{any: [{patterns}]}}}}]"

    assert len(load(many(MAX_REGEXES)).rules) == 1
    assert "lists too many; name at most 200" in refusal(many(MAX_REGEXES + 1))
