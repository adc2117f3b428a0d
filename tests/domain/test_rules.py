"""Rules files: what is accepted, what is refused, and that the refusal says where and why."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from callqa_assets.domain.rules import (
    CombinationRule,
    EmotionRule,
    RulesError,
    RuleSet,
    When,
    load_rules,
)

REPO = Path(__file__).resolve().parents[2]
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


def refusal(text: str) -> str:
    with pytest.raises(RulesError) as caught:
        load(text)
    return str(caught.value)


def test_the_source_documents_rules_are_valid_as_they_stand():
    anger, fear, mood = load(SOURCE_DOCUMENT).rules
    assert isinstance(anger, EmotionRule)
    assert (anger.emotions, anger.level_on, anger.duration_sec) == (("angry",), 0.75, 2)
    assert anger.channels == ("dingtalk",)
    assert fear.when is not None
    assert fear.when.line == ("vip",)
    assert isinstance(mood, CombinationRule)
    assert (mood.emotions, mood.level_on, mood.floors) == (("sad", "neutral"), 0.8, {"sad": 0.3})


@pytest.mark.parametrize("name", ["alert_rules.yaml", "alert_rules_compact.yaml"])
def test_shipped_rules_load(name: str):
    rules = load_rules((CONFIGS / name).read_text(encoding="utf-8"), source=name).rules
    assert "customer_anger" in {rule.name for rule in rules}


def test_the_reference_names_every_key_and_its_example_loads():
    reference = (REPO / "docs" / "rules.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", reference, flags=re.DOTALL)
    assert len(load(example).rules) == 3
    for model in (EmotionRule, CombinationRule, When):
        for key in model.model_fields:
            assert f"`{key}`" in reference, key


def test_keys_left_out_have_the_documented_defaults():
    (rule,) = load("rules: [{name: a, emotion: angry, threshold: 0.5}]").rules
    assert (rule.duration_sec, rule.keep_firing_sec, rule.max_gap_sec) == (0, 0, 1)
    assert rule.level_off == rule.level_on == 0.5
    assert rule.role == ("agent", "customer", "mixed")
    assert (rule.priority, rule.channels, rule.when) == ("medium", (), None)
    assert (rule.review, rule.enabled) == (False, True)


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
        ("treshold: 0.75", "threshold: 0.75", "line 3, rule 'customer_anger': `treshold` is no"),
        ("treshold: 0.75", "threshold: 0.75", "did you mean `threshold`?"),
        ("treshold: 0.75", "threshold: 0.75", "`threshold` is missing: add it"),
        ("emotion: anger", "emotion: angry", "'anger' is no emotion: did you mean `angry`?"),
        ("threshold: 75", "threshold: 0.75", "must be less than or equal to 1 (here: 75)"),
        ("threshold: .nan", "threshold: 0.75", "`threshold`: must be"),
        ("threshold: yes", "threshold: 0.75", "`threshold`: must be a valid number (here: True)"),
        ("duration_sec: -2", "duration_sec: 2", "`duration_sec`: must be greater than or equal"),
        ("name: vip_fear", "name: customer_anger", "the rule in line 3 has the same name"),
        ("name: ../../etc/passwd", "name: customer_anger", "`name` may hold letters"),
        ("when: {lien: vip}", "when: {line: vip}", "`when.lien` is no key of a rule: did you"),
        ("when: vip", "when: {line: vip}", "`when` is a block of keys"),
        ("when: {}", "when: {line: vip}", "`when`: names nothing"),
        ("when: {queue: 95588}", "when: {line: vip}", "is not text: put it in quotes"),
        ("priority: urgent", "priority: medium", "must be 'high', 'medium' or 'low'"),
        ("combination: [sad]", "combination: [sad, neutral]", "`combination`: "),
        ("combination: [sad, sad]", "combination: [sad, neutral]", "names an emotion twice"),
        ("floors: {angry: 0.3}", "floors: {sad: 0.3}", "'angry', which is not in `combination`"),
        ("emotion: sad\n    min_sum: 0.8", "min_sum: 0.8", "and has both"),
        ("min_sum: 0.8", "combination: [sad, neutral]\n    min_sum: 0.8", "and has neither"),
        ("role: boss", "floors: {sad: 0.3}", "must be 'agent', 'customer' or 'mixed'"),
        ("enabled: perhaps", "floors: {sad: 0.3}", "must be true, false or shadow"),
        ("threshold_off: 0.9", "floors: {sad: 0.3}", "lower it or leave it out"),
    ],
)
def test_a_slip_is_refused_with_its_place_and_cure(wrong: str, right: str, complaint: str):
    assert SOURCE_DOCUMENT.count(right) == 1
    message = refusal(SOURCE_DOCUMENT.replace(right, wrong))
    assert complaint in message
    assert all(line.startswith("rules.yaml, line ") for line in message.splitlines())


def test_every_problem_is_reported_at_once():
    text = SOURCE_DOCUMENT.replace("angry", "anger").replace("fearful", "fear")
    assert [line.split(":")[0] for line in refusal(text).splitlines()] == [
        "rules.yaml, line 3, rule 'customer_anger'",
        "rules.yaml, line 9, rule 'vip_fear'",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no list under `rules:`"),
        ("rules:", "no list under `rules:`"),
        ("- name: a", "no list under `rules:`"),
        ("rules: [angry]", "line 1: a rule is a block of keys"),
        ("version: 2\nrules: []", "`version` is no key of a rules file"),
        ("rules: [\n{a: b", "rules.yaml, line 2: "),
        ("rules: [{name: 2025-13-45}]", "line 1: neither a date nor a number"),
        ("rules:\n- name: a\n  name: b", "line 3: the key `name` stands twice"),
        ("rules: []\nrules: []", "line 2: the key `rules` stands twice"),
        ("rules:\n- &a {name: a}\n- *a", "line 3: aliases (*name) are not allowed"),
        ("rules: !!python/object/apply:os.system [ls]", "line 1: could not determine"),
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
    ],
    ids=["bomb", "deep", "10,000 rules", "over 1 MB"],
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
