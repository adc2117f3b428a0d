"""The loader of configuration files: each problem has its line, its key, its cause and a cure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from callqa_assets.domain.errors import CallqaError
from callqa_assets.domain.yaml_config import MAX_BYTES, MAX_NODES, ConfigError, load, suggest


class GardenError(ConfigError):
    pass


@dataclass(frozen=True)
class Bed:
    width_m: float = 1.0
    length_m: float = 4.0


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Label = Annotated[str, Field(pattern="^[a-z]+$", description="a word in lower case")]


class Tree(_Keys):
    kind: Literal["tree"]
    height_m: Annotated[float, Field(gt=0)] = 3.0


class Herb(_Keys):
    kind: Literal["herb"]
    bed: Bed = Bed()
    label: Label


Plant = Annotated[Tree | Herb, Field(discriminator="kind")]


class Row(_Keys):
    name: str = ""
    plants: tuple[Plant, ...] = ()
    water_l: int | None = None

    @field_validator("water_l")
    @classmethod
    def _not_too_much(cls, value: int | None) -> int | None:
        if value is not None and value > 100:
            raise ValueError("drowns the row; give less")
        return value


class Garden(_Keys):
    rows: tuple[Row, ...] = Field((), max_length=3)
    sheds: dict[Label, Bed] = Field(default_factory=dict)
    gate: Bed | None = Field(None, examples=["{width_m: 2}"])


def grow(text: str, *, hide_values: bool = False, max_nodes: int = MAX_NODES):
    return load(
        text,
        Garden,
        source="garden.yaml",
        error=GardenError,
        entries={"rows": "row", "sheds": "shed"},
        max_nodes=max_nodes,
        hide_values=hide_values,
    )


def refusal(text: str, **options) -> str:
    with pytest.raises(GardenError) as caught:
        grow(text, **options)
    return str(caught.value)


def test_a_file_becomes_its_model_and_an_empty_file_is_an_empty_block():
    garden = grow("rows:\n- {name: a, plants: [{kind: tree, height_m: 2}]}").value
    assert garden.rows[0].plants == (Tree(kind="tree", height_m=2),)
    assert grow("# nothing").value == Garden()


def test_a_path_has_its_line_and_a_missing_one_that_of_the_block_around_it():
    loaded = grow(
        """
rows:
  - name: first

  - name: second
    plants:
      - kind: tree
      - kind: herb
        label: mint
sheds: {a: {width_m: 3}}
"""
    )
    assert loaded.line_of("rows") == 2
    assert [loaded.line_of("rows", number) for number in (0, 1)] == [3, 5]
    assert loaded.line_of("rows", 1, "plants", 1, "label") == 9
    assert loaded.line_of("rows", 1, "plants", 1, "bed", "width_m") == 8
    assert loaded.line_of("rows", 7) == 2
    assert loaded.line_of("gate") == loaded.line_of("gate", "rows") == 1
    assert loaded.line_of("rows", "name") == loaded.line_of("rows", 2) == 2
    assert loaded.line_of("rows", 1, "name", 0) == 5
    assert loaded.describe(("rows", 1, "plants"), "dry; water it") == (
        "garden.yaml, line 6, row 'second': dry; water it"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gaet: {}", "line 1: unknown key `gaet`; did you mean `gate`?"),
        ("\nzzz: {}", "line 2: unknown key `zzz`; choose from rows, sheds, gate"),
        ("7: {}", "line 1: unknown key `7`; choose from rows, sheds, gate"),
        ("- a", "line 1: no block of keys; begin with `rows:`"),
        ("gate: 3", "line 1: `gate` is no block of keys; write it as `{width_m: 2}`"),
        ("gate:\n  widht_m: 3", "line 2: unknown key `gate.widht_m`; did you mean `width_m`?"),
        ("sheds: 3", "line 1: `sheds` is no block of keys; write it as `{key: …}`"),
        (
            "sheds:\n  b: {width: 3}",
            "line 2, shed 'b': unknown key `width`; did you mean `width_m`?",
        ),
        ("rows: [3]", "line 1: `rows.0` is no block of keys; write it as `{name: …}`"),
        ("rows: {a: b}", "line 1: `rows`: must be a list"),
        ("rows: [{}, {}, {}, {}]", "line 1: `rows` lists too many; name at most 3"),
        ("rows:\n- {water: 3}", "line 2, row without a name: unknown key `water`; did you mean"),
        (
            "rows:\n- name: a\n  water_l: 200",
            "line 3, row 'a': `water_l`: drowns the row; give less (here: 200)",
        ),
        (
            "rows:\n- name: a\n  water_l: much",
            "line 3, row 'a': `water_l`: must be a valid integer",
        ),
        (
            "rows:\n- name: a\n  plants:\n  - kind: tree\n    bed: 3",
            "line 5, row 'a': unknown key `plants.0.bed`; choose from kind, height_m",
        ),
        (
            "rows:\n- name: a\n  plants:\n  - kind: herb\n    label: x\n    bed: {lenght_m: 3}",
            "line 6, row 'a': unknown key `plants.0.bed.lenght_m`; did you mean `length_m`?",
        ),
        (
            "rows:\n- name: a\n  plants:\n  - kind: herb",
            "line 4, row 'a': `plants.0.label` is missing; add a word in lower case",
        ),
        (
            "rows:\n- name: a\n  plants:\n  - {kind: herb, label: X}",
            "line 4, row 'a': `plants.0.label` must be a word in lower case",
        ),
        (
            "rows:\n- name: a\n  plants:\n  - height_m: 2\n    kind: bush",
            "line 5, row 'a': `plants.0.kind`: must be 'tree' or 'herb' (here: 'bush')",
        ),
        (
            "rows:\n- name: a\n  plants:\n  - height_m: 2",
            "line 4, row 'a': `plants.0.kind` is missing; add 'tree' or 'herb'",
        ),
        ("rows:\n- name: 3", "line 2, row 3: `name` is not text; put it in quotes"),
        ("gate: 1\nsheds:\n  B: {}", "line 3: `sheds.B` must be a word in lower case"),
    ],
)
def test_a_mistake_is_reported_in_one_line_with_its_place_and_cure(text: str, problem: str):
    message = refusal(text)
    assert f"garden.yaml, {problem}" in message
    assert len(message.splitlines()) == 1 + text.startswith("gate: 1")


@pytest.mark.parametrize("count", [2, 20, 21])
def test_of_more_than_twenty_words_to_choose_from_twenty_are_shown(count: int):
    known = [f"{n:02}" for n in range(count)]
    rest = ", …" if count > 20 else ""
    assert suggest("x", known) == f"; choose from {', '.join(known[:20])}{rest}"


def test_the_limit_of_keys_and_values_may_be_reached():
    """Document, key, list and what it holds."""
    text = "rows: [1, 2]"
    assert refusal(text, max_nodes=5).startswith("garden.yaml, line 1: `rows.0` is no block")
    assert "more than 4 keys and values" in refusal(text, max_nodes=4)


def test_the_limit_of_depth_may_be_reached():
    deep = "gate: " + "[" * 19 + "]" * 19
    assert "nested deeper" not in refusal(deep)
    assert "nested deeper than 20 levels" in refusal(deep.replace("[]", "[1]"))
    assert "nested deeper" not in refusal("gate:" + "".join(f"\n- [[{n}]]" for n in range(30)))


@pytest.mark.parametrize("length", [38, 39])
def test_a_value_of_more_than_forty_characters_is_told_shortened(length: int):
    """The quotes count."""
    value = "x" * length
    shown = f"'{value}'" if length == 38 else f"'{'x' * 38}…"
    text = f"rows: [{{plants: [{{kind: {value}}}]}}]"
    assert refusal(text).endswith(f"must be 'tree' or 'herb' (here: {shown})")


def test_every_problem_is_told_at_once_and_twenty_are_shown():
    message = refusal("gaet: 1\nrows:\n- {watre_l: 3}\n- {water_l: 200}")
    assert [line.split(":")[0] for line in message.splitlines()] == [
        "garden.yaml, line 3, row without a name",
        "garden.yaml, line 4, row without a name",
        "garden.yaml, line 1",
    ]
    with pytest.raises(CallqaError) as caught:
        grow("\n".join(f"key_{n}: 1" for n in range(25)))
    assert isinstance(caught.value, GardenError)
    assert len(caught.value.problems) == 25
    assert str(caught.value).splitlines()[20:] == ["… and 5 more"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rows: [", "line 1: not readable as YAML: "),
        ("rows: []\n\tgate: 1", "line 2: not readable as YAML: "),
        ("rows: []\nrows: []", "line 2: repeated key: `rows`; delete one"),
        ("gate: &a {}\nsheds: {b: *a}", "line 2: aliases (*name) are not allowed; write the value"),
        ("gate:\n  <<: {}", "line 2: merged keys (<<) are not allowed; write them out"),
        ("gate: !!python/object/apply:os.system [ls]", "line 1: not readable as YAML: could not"),
        ("gate: 2025-13-45", "line 1: neither a date nor a number; put it in quotes"),
        ("gate: !!timestamp soon", "line 1: neither a date nor a number; put it in quotes"),
        ("gate: !!int ''", "line 1: neither a date nor a number; put it in quotes"),
        ("gate: !!bool perhaps", "line 1: neither a date nor a number; put it in quotes"),
        ("rows: []\n---\nrows: []", "line 2: not readable as YAML: but found another document"),
        ("rows: []\n# \x00", "line 2: not readable as YAML: unacceptable character"),
        ("gate: " + "[" * 21 + "]" * 21, "line 1: nested deeper than 20 levels; nest less"),
        ("rows: [" + "1," * 40_000 + "]", "line 1: more than 40,000 keys and values; shorten"),
    ],
)
def test_yaml_that_no_configuration_file_needs_is_refused_with_its_line(text: str, problem: str):
    assert refusal(text).startswith(f"garden.yaml, {problem}")


def test_a_file_beyond_the_limit_of_bytes_is_refused_unread():
    begin = time.process_time()
    assert "larger than 1,000,000 bytes" in refusal("#" + "x" * MAX_BYTES)
    assert time.process_time() - begin < 1
    assert grow("#" + "x" * (MAX_BYTES - 1)).value == Garden()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("rows：\n  - name：a", ["line 1: `rows：` ends in", "line 2: `name：` ends in"]),
        (
            "rows:\n  - name：a\n    water_l: 1",
            ["line 2: `name：` ends in a full-width colon; write"],
        ),
        (
            "rows:\n  - name: a\n    water_l：1",
            ["line 3: `water_l：` ends in", "line 3: not readable"],
        ),
        ("rows: [{name：a}]", ["line 1: `name：` ends in"]),
        ("sheds:\n  花园： {width_m: 1}", ["line 2: `花园：` ends in"]),
        (
            "rows:\n  - name:a\n    water_l:1",
            ["line 2: no space after `name:`", "line 3: no space"],
        ),
        ("rows:\n　- name: a\ngate: 1", ["line 2: indented by a full-width space"]),
        (
            "rows:\n  － name: a\n  － name: b",
            ["line 2: a list entry begins with", "line 3: a list"],
        ),
        ("rows: ［{name: a}］", ["line 1: a full-width bracket; write `[ ]` or `{ }`"]),
        (
            "rows:\n- plants: [{kind: “tree”}]",
            ["line 2, row without a name: `plants.0.kind`: must be 'tree' or"],
        ),
    ],
)
def test_full_width_signs_are_told_first_with_line_and_cure(text: str, problems: list[str]):
    for line, problem in zip(refusal(text).splitlines(), problems, strict=False):
        assert line.startswith(f"garden.yaml, {problem}")


def test_a_value_with_full_width_signs_is_refused_with_advice_that_repeats_nothing():
    for hide_values in (False, True):
        message = refusal("rows: [{plants: [{kind: tree，herb}]}]", hide_values=hide_values)
        assert "; full-width commas, quotes and brackets are part of a value" in message
        assert ("tree，herb" in message) is not hide_values


def test_full_width_signs_that_are_meant_are_kept():
    garden = grow(
        "# rows：\nrows:\n- name: 花：园，甲\n- name: 'a\n    b：c'\n- name: a\n    乙：丙"
    ).value
    assert [row.name for row in garden.rows] == ["花：园，甲", "a b：c", "a 乙：丙"]


SECRET = "SEC0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        f"gate: {SECRET}",
        f"{SECRET}: 1",
        f"rows: [{{{SECRET}: 1}}]",
        f"rows: [{{name: [{SECRET}]}}]",
        f"rows: [{{water_l: {SECRET}}}]",
        f"rows: [{{name: {SECRET}, water_l: 200}}]",
        f"sheds: {{{SECRET}: {{a: 1}}}}",
        f"sheds: {{{SECRET}: 1}}",
        f"rows: [{{plants: [{{kind: {SECRET}}}]}}]",
        f"rows: [{{plants: [{{kind: herb, label: {SECRET}}}]}}]",
        f"gate: {{{SECRET}: 1, {SECRET}: 2}}",
        f"gate: !{SECRET} x",
        f"gate: *{SECRET}",
        f'gate: "\\{SECRET}"',
        f"gate: {SECRET}: {SECRET}: [",
        f"gate：{SECRET}",
        f"{SECRET}：1",
        f"gate: “{SECRET}”",
    ],
)
def test_where_values_are_hidden_no_problem_repeats_one_nor_does_its_chain(text: str):
    with pytest.raises(GardenError) as caught:
        grow(text, hide_values=True)
    assert "garden.yaml, line 1" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_where_values_are_hidden_keys_and_names_are_still_shown():
    message = refusal("sheds: {north: {widht_m: 3}}", hide_values=True)
    assert message == (
        "garden.yaml, line 1, shed 'north': unknown key `widht_m`; did you mean `width_m`?"
    )
    message = refusal("rows: [{plants: [{kind: tree, height_m: 0}]}]", hide_values=True)
    assert message.endswith("`plants.0.height_m`: must be greater than 0")
