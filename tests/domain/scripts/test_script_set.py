"""Scripts files: what is refused, with line, cause and cure; what the hash depends on."""

from __future__ import annotations

import pytest

from callqa_assets.domain.scripts.script_set import ScriptsError, load_scripts, order_of_judging
from resources.storage.config_files import read_scripts_file
from resources.storage.home import REPO


def script_of(*items: str) -> str:
    return "scripts:\n  - name: s\n    items:\n" + "".join(f"      - {item}\n" for item in items)


def problems_of(text: str) -> str:
    with pytest.raises(ScriptsError) as caught:
        load_scripts(text, source="s.yaml")
    return str(caught.value)


GREETING = "{name: greeting, required: 您好很高兴}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "start the file with `scripts:`"),
        ("scripts:", "`scripts: []` where nothing is to be checked"),
        (script_of(), "`items`"),
        (
            script_of("{name: a}"),
            "needs exactly one of `required`, `forbidden`, `mentioned`, has none",
        ),
        (script_of("{name: a, required: 您好, forbidden: 保本}"), "has `required` and `forbidden`"),
        (script_of("{name: a, requierd: 您好}"), "has none"),
        (
            script_of("{name: a, required: 您好, within_frist_sec: 3}"),
            "did you mean `within_first_sec`",
        ),
        (script_of("{name: a, forbidden: 保本, before: b}"), "unknown key `items.0.before`"),
        (
            script_of("{name: a, required: 好}"),
            "line 4, script 's': `items.0.required.0`: has fewer than 2",
        ),
        (script_of("{name: a, required: '到{money}'}"), "`{money}` is no slot"),
        (script_of("{name: a, required: 您好, min_score: 20}"), "greater than or equal to 50"),
        (script_of(GREETING, GREETING), "line 5, script 's': two items are named 'greeting'"),
        (
            script_of(GREETING, "{name: a, required: 再见了, after: greetings}"),
            "line 5, script 's': `after` of 'a' names 'greetings', which is no other item; did you "
            "mean `greeting`?",
        ),
        (script_of("{name: a, required: 再见, after: a}"), "names 'a', which is no other item"),
        (
            script_of(
                "{name: a, required: 再见, after: b}", "{name: b, required: 您好, before: a}"
            ),
            "items refer to each other in a circle",
        ),
        (script_of(GREETING) + script_of(GREETING).removeprefix("scripts:\n"), "the same name"),
        (script_of(GREETING) + "matching: {min_scor: 80}", "did you mean `min_score`?"),
    ],
)
def test_a_bad_file_is_refused_with_line_cause_and_cure(text, problem):
    assert problem in problems_of(text)


def test_a_file_that_checks_nothing_is_valid():
    assert load_scripts("scripts: []", source="s.yaml").scripts == ()


def test_items_are_judged_after_those_that_they_name():
    text = script_of(
        "{name: a, required: 再见, after: b, only_with: c}",
        "{name: b, mentioned: 您好}",
        "{name: c, required: 退费}",
    )
    (script,) = load_scripts(text, source="s.yaml").scripts
    assert [item.name for item in order_of_judging(script)][-1] == "a"
    assert [item.name for item in script.judged] == ["a", "c"]


def test_the_hash_is_that_of_the_meaning():
    written = load_scripts(script_of(GREETING), source="s.yaml")
    commented = load_scripts("# a comment\n" + script_of(GREETING), source="s.yaml")
    other = load_scripts(script_of(GREETING) + "matching: {min_score: 80}", source="s.yaml")
    assert written.scripts_hash == commented.scripts_hash != other.scripts_hash


def test_the_shipped_file_is_valid():
    scripts = read_scripts_file(REPO / "configs" / "scripts.yaml")
    assert [script.name for script in scripts.scripts] == ["service", "wealth", "insurance"]


def test_a_file_that_is_missing_is_refused_with_the_cure(tmp_path):
    with pytest.raises(ScriptsError, match=r"write `scripts: \[\]` in it to check none"):
        read_scripts_file(tmp_path / "scripts.yaml")
